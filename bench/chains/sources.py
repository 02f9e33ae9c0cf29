"""A digest of the project's own code, so that what was made of an older one is made anew."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from chains.places import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def digest(rooms: Iterable[str], *files: Path) -> str:
    """Digest the sources of rooms, and files."""
    found = hashlib.sha256()
    for room in rooms:
        for path in [ROOT / room / "pyproject.toml", *sorted((ROOT / room / "src").rglob("*.py"))]:
            found.update(path.read_bytes())
    for path in files:
        found.update(path.read_bytes())
    return found.hexdigest()
