"""A user's `code/requirements.txt` is checked, never installed: a container must start without a network."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

from stagewire.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What else a line may hold: options such as hashes, after a requirement or alone, and comments.
_REST = re.compile(r"(^|\s+)(--?\w.*|#.*)$")
_INCLUDED = re.compile(r"(?:-r|--requirement)(?:\s+|=|(?<=-r))(\S+)")
# Where a distribution is also published under another name, with the same modules.
_SAME = {"xgboost": "xgboost-cpu"}


def check(path: Path) -> None:
    """Refuse to serve when a requirement is not met.

    Raises:
        ArtifactError: names what is unmet and the image that would meet it, or the file that
            cannot be read.

    """
    if not path.is_file():
        return
    try:
        unmet = [line for line in _lines(path, set()) if not _met(line)]
    except (OSError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{path} cannot be read: {error}") from error
    if unmet:
        build = f"printf 'FROM IMAGE\\nCOPY *.txt ./\\nRUN pip install -r {path.name}\\n' | docker build -t DERIVED -f - {path.parent}"
        raise ArtifactError(
            f"{path} asks for {', '.join(unmet)}, which is not installed; nothing is installed at start. Build a derived image: {build}"
        )


def _lines(path: Path, seen: set[Path]) -> Iterator[str]:
    """Read the requirements of a file and of those that it includes, each file once."""
    seen.add(path.resolve())
    text = path.read_text(encoding="utf-8-sig").replace("\\\r\n", " ").replace("\\\n", " ")
    for line in text.splitlines():
        included = _INCLUDED.match(line.strip())
        if included is None:
            if kept := _REST.sub("", line.strip()):
                yield kept
        elif (other := path.parent / included[1]).resolve() not in seen:
            yield from _lines(other, seen)


def _met(line: str) -> bool:
    from importlib import metadata

    from packaging.requirements import InvalidRequirement, Requirement

    try:
        wanted = Requirement(line)
    except InvalidRequirement:
        return False
    if wanted.marker and not wanted.marker.evaluate():
        return True
    for name in (wanted.name, _SAME.get(wanted.name.lower())):
        with contextlib.suppress(metadata.PackageNotFoundError):
            if name and wanted.specifier.contains(metadata.version(name), prereleases=True):
                return True
    return False
