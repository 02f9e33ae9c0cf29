"""Runs SageMaker on this machine (the door) as a child process, as a user would."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Self

from stagewire_pipeline.errors import DoorError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

HOST = "127.0.0.1"
# How often a starting door is asked; its death ends the wait at once.
ASK_SECONDS = 0.05
# The platform's 2 s for a ping.
PING_SECONDS = 2
# The door gives requests in flight 30 s and its stages 30 s after that.
STOP_SECONDS = 70
# What `local up` needs to be run by the interpreter that runs this.
PROGRAM = (sys.executable, "-P", "-m", "stagewire_pipeline", "local", "up")


class Door:
    """A door on a port, with one endpoint; use it as a context manager, which stops it."""

    def __init__(
        self,
        serve: str,
        *,
        port: int,
        log: Path,
        environ: Mapping[str, str],
        program: Sequence[str] = PROGRAM,
    ) -> None:
        """Start it; `serve` is `NAME=a.tar.gz,b.tar.gz`.

        Raises:
            DoorError: the port is taken.

        """
        check_free(port)
        self.port = port
        self.log = log
        with log.open("wb") as output:
            # A group of its own: Ctrl-C reaches this program, which stops the door in order.
            self.process = subprocess.Popen(
                [*program, "--serve", serve, "--port", str(port)],
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
            )

    @property
    def url(self) -> str:
        """Where it answers."""
        return url_of(self.port)

    def wait_ready(self) -> None:
        """Wait until its ping is 200. Its own start-up window bounds the wait.

        Raises:
            DoorError: it ended instead; has what it said.

        """
        while not answers(self.port):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(ASK_SECONDS)
                raise DoorError(f"the door did not start:\n{self.said()}")

    def wait_end(self) -> None:
        """Wait until it ends, which nobody asked it to.

        Raises:
            DoorError: it ended; has what it said.

        """
        self.process.wait()
        raise DoorError(f"the door ended by itself:\n{self.said()}")

    def said(self) -> str:
        """Return its output."""
        return self.log.read_text(encoding="utf-8", errors="replace").strip()

    def stop(self) -> int:
        """End it and its stages; return its exit code. By force when it takes too long."""
        self.process.terminate()
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def __enter__(self) -> Self:
        """Return the door itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        ended = self.process.poll() is not None
        code = self.stop()
        if not ended and code and error is None:
            raise DoorError(f"the door ended with {code} when it was stopped:\n{self.said()}")


def url_of(port: int) -> str:
    """Name a port of this machine as a client does."""
    return f"http://{HOST}:{port}"


def answers(port: int) -> bool:
    """Tell whether a ping of a port is answered with 200."""
    connection = HTTPConnection(HOST, port, timeout=PING_SECONDS)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def check_free(port: int) -> None:
    """Refuse a port that somebody has: their ping would be taken for ours.

    Raises:
        DoorError: it is taken.

    """
    with socket.socket() as probe:
        # Connections that lately closed do not keep a server from it, so neither from the check.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise DoorError(
                f"port {port} of {HOST} is not available ({error.strerror}); "
                "choose another one with --port (make up PORT=9000)"
            ) from None
