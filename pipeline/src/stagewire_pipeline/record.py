"""What a step was made from and what it made, so that the step is skipped when neither changed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stagewire import manifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True)
class Record:
    """A finished step: the digest of its inputs, the SHA-256 of its files by relative path."""

    inputs: str
    files: Mapping[str, str]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2, sort_keys=True) + "\n", encoding="utf-8")

    def holds(self, folder: Path) -> bool:
        """Tell whether every file is still as it was made."""
        return all(
            (folder / name).is_file() and manifest.digest(folder / name) == digest
            for name, digest in self.files.items()
        )


def read(path: Path) -> Record | None:
    """Read a record; None when there is none, or one that cannot be read."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return Record(data["inputs"], data["files"], data["facts"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def fresh(path: Path, inputs: str) -> Record | None:
    """Return the record of a step that need not run again: same inputs, files untouched."""
    found = read(path)
    return found if found and found.inputs == inputs and found.holds(path.parent) else None


def files(folder: Path, paths: Iterable[Path]) -> dict[str, str]:
    """Hash files, by their path relative to a folder."""
    return {path.relative_to(folder).as_posix(): manifest.digest(path) for path in sorted(paths)}


def inputs(**parts: Any) -> str:
    """Return one digest of all that a step depends on: JSON values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def code(modules: Iterable[str]) -> dict[str, str]:
    """Hash the source of packages, so that an edited stage is trained anew; "" for one not found."""
    return {name: _source(name) for name in modules}


def _source(module: str) -> str:
    spec = find_spec(module)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    digest = hashlib.sha256()
    for path in sorted(each for folder in folders for each in Path(folder).rglob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest() if folders else ""
