"""`model.tar.gz` whose bytes depend on nothing but the files in it, so that a digest names a model."""

from __future__ import annotations

import gzip
import tarfile
from typing import TYPE_CHECKING

from stagewire_pipeline.errors import PackageError

if TYPE_CHECKING:
    from pathlib import Path

# Trees and plans are numbers as text or floats: level 9 takes four times as long for 1 % less.
LEVEL = 6


def pack(folder: Path, target: Path) -> None:
    """Write the files of a folder, sorted by name, without times, owners or rights.

    The target is there whole or not at all.

    Raises:
        PackageError: there is nothing to pack, or a link among the files.

    """
    paths = [path for path in sorted(folder.rglob("*")) if "__pycache__" not in path.parts]
    links = [path for path in paths if path.is_symlink()]
    if links:
        raise PackageError(f"{links[0]} is a link, which no archive carries; put the file itself")
    found = [path for path in paths if path.is_file()]
    if not found:
        raise PackageError(f"{folder} holds no files; train first: stagewire train")
    part = target.with_name(target.name + ".part")
    with (
        part.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in found:
            _add(tar, path, path.relative_to(folder).as_posix())
    part.replace(target)


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    # A new TarInfo has time, owner and group 0 and no names of them.
    info = tarfile.TarInfo(name)
    info.size = path.stat().st_size
    info.mode = 0o644
    with path.open("rb") as file:
        tar.addfile(info, file)
