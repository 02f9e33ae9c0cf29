"""The measurements of a run: one JSON object a line, so that a run that was cut goes on where it was."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Record = dict[str, Any]


@dataclass(frozen=True)
class Results:
    """A file of measurements, each of a kind, a contender, a round, and of what there is of the kind."""

    path: Path

    def add(self, **record: Any) -> None:
        """Append one, at once."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps(record) + "\n")

    def __iter__(self) -> Iterator[Record]:
        """Read all, in the order in which they were made."""
        if self.path.exists():
            yield from map(json.loads, self.path.read_text().splitlines())

    def has(self, **wanted: Any) -> bool:
        """Tell whether there is one with these fields."""
        return any(all(each.get(k) == v for k, v in wanted.items()) for each in self)

    def of(self, **wanted: Any) -> list[Record]:
        """List those with these fields."""
        return [each for each in self if all(each.get(k) == v for k, v in wanted.items())]
