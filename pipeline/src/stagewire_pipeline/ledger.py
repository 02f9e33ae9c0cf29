"""The record of what deployments made, so that deleting one deletes exactly that."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from stagewire_pipeline.apply import Target
from stagewire_pipeline.deployment import Resource
from stagewire_pipeline.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FORMAT = 1
NAME = "deploy.json"


@dataclass(frozen=True)
class Entry:
    """One endpoint: where it is, what content and configuration it was given, and what was made."""

    name: str
    target: Target
    version: str
    config: str
    bucket: str
    made: tuple[Resource, ...]

    def having(self, made: Iterable[Resource]) -> Entry:
        """Return the same with other things made, each once."""
        return replace(self, made=tuple(dict.fromkeys(made)))


class Ledger:
    """The entries of one file; each change is written before the next step is taken."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            DeployError: it cannot be read; overwriting it would lose what was made.

        """
        self.path = path
        self.entries = [] if not path.exists() else _read(path)

    def find(self, name: str, target: Target) -> Entry | None:
        """Return an endpoint's entry."""
        return next((e for e in self.entries if (e.name, e.target) == (name, target)), None)

    def put(self, entry: Entry) -> None:
        """Set an endpoint's entry; one that made nothing is dropped.

        It is one write: a kill leaves the record before or the one after, and none without the
        entry.
        """
        mine = (entry.name, entry.target)
        entries = [each for each in self.entries if (each.name, each.target) != mine]
        if entry.made:
            entries.append(entry)
        self._write(entries)
        self.entries = entries

    def _write(self, entries: Iterable[Entry]) -> None:
        data = {"format": FORMAT, "deployments": [asdict(each) for each in entries]}
        part = self.path.with_name(self.path.name + ".part")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
        part.replace(self.path)


def _read(path: Path) -> list[Entry]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] == FORMAT:
            return [_entry(each) for each in data["deployments"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DeployError(f"{path} cannot be read as a record of deployments: {error!r}") from None
    raise DeployError(
        f"{path} cannot be read as a record of deployments: its format is {data['format']!r}, not {FORMAT}"
    )


def _entry(data: dict[str, Any]) -> Entry:
    made = tuple(Resource(**each) for each in data["made"])
    found: dict[str, Any] = {**data, "target": Target(**data["target"]), "made": made}
    return Entry(**found)
