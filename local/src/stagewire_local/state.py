"""Remembers between commands which doors run: one locked file a port, in a folder of the user's."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType


@dataclass(frozen=True)
class Home:
    """The folder with the state of this user's doors."""

    path: Path

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Home:
        """Choose it: STAGEWIRE_HOME, else the XDG state folder, else where XDG defaults to."""
        if environ.get("STAGEWIRE_HOME"):
            return cls(Path(environ["STAGEWIRE_HOME"]).absolute())
        if environ.get("XDG_STATE_HOME"):
            return cls(Path(environ["XDG_STATE_HOME"]) / "stagewire")
        return cls(Path(environ.get("HOME") or "/") / ".local" / "state" / "stagewire")

    def file(self, port: int) -> Path:
        """Name the file that a running door holds a lock on."""
        return self.path / f"door-{port}.json"

    def log(self, port: int) -> Path:
        """Name the log of a door in the background."""
        return self.path / f"door-{port}.log"

    def root(self, port: int) -> Path:
        """Name the folder for the unpacked models of a door."""
        return self.path / f"door-{port}.d"

    def pid(self, port: int) -> int | None:
        """Return the process id of the door at a port, or None when none runs.

        A door holds the lock until its process ends, however it ends; so a file that is left
        over, or whose number another program got meanwhile, is never taken for a running door.
        """
        try:
            with self.file(port).open() as file:
                if locked(file):
                    return None
                found: Any = json.load(file)
                return int(found["pid"])
        except (OSError, ValueError, KeyError, TypeError):  # no file, or none of this user's
            return None


class Claim:
    """Holds the file of a port while the door runs."""

    def __init__(self, home: Home, port: int) -> None:
        self._path = home.file(port)
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        """Take the lock. Raises BlockingIOError when another door has it."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = self._path.open("a+")
        if not locked(file):
            file.close()
            raise BlockingIOError
        file.truncate(0)
        json.dump({"pid": os.getpid()}, file)
        file.flush()
        self._file = file
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._path.unlink(missing_ok=True)
        if self._file is not None:
            self._file.close()


def locked(file: IO[str]) -> bool:
    """Try to lock a file; False when another process holds it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
