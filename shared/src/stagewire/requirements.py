"""A user's `code/requirements.txt` is checked, never installed: a container must start without a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagewire.errors import ArtifactError

if TYPE_CHECKING:
    from pathlib import Path


def check(path: Path) -> None:
    """Refuse to serve when a requirement is not met.

    Raises:
        ArtifactError: names what is unmet and the image that would meet it.

    """
    if not path.is_file():
        return
    unmet = [line for line in _lines(path) if not _met(line)]
    if unmet:
        build = f"printf 'FROM IMAGE\\nCOPY requirements.txt .\\nRUN pip install -r requirements.txt\\n' | docker build -t DERIVED -f - {path.parent}"
        msg = f"{path} asks for {', '.join(unmet)}, which is not installed; nothing is installed at start. Build a derived image: {build}"
        raise ArtifactError(msg)


def _lines(path: Path) -> list[str]:
    lines = (line.split(" #")[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line and not line.startswith(("#", "-"))]


def _met(line: str) -> bool:
    from importlib import metadata

    from packaging.requirements import InvalidRequirement, Requirement

    try:
        wanted = Requirement(line)
    except InvalidRequirement:
        return False
    if wanted.marker and not wanted.marker.evaluate():
        return True
    try:
        return wanted.specifier.contains(metadata.version(wanted.name), prereleases=True)
    except metadata.PackageNotFoundError:
        return False
