"""Unpacks a model.tar.gz from anywhere: nothing leaves its folder or fills the disk."""

from __future__ import annotations

import gzip
import shutil
import tarfile
import zlib
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, cast

from stagewire_local.limits import MIB

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

# A featurizer and a predictor of this kind unpack to MBs; 4 GiB leaves room for a large
# third-party model on a laptop and stops a bomb (gzip packs up to 1000 to 1) before the disk fills.
MAX_BYTES = 4 * 1024 * MIB
# Empty entries cost no bytes but names, of which a disk has a limited number; models have a few files.
MAX_ENTRIES = 10_000
# tarfile reads an extended header (a long name, PAX records) into memory in one read.
MAX_READ = 16 * MIB
FLAWS = (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, ValueError, OSError)


class ArchiveError(Exception):
    """An archive is missing, unreadable or refused; the message names it and says why."""


class Metered:
    """A decompressed stream that refuses to yield more than a maximum, or much at once."""

    def __init__(self, stream: gzip.GzipFile, *, maximum: int) -> None:
        self._stream = stream
        self._maximum = maximum

    def read(self, size: int = -1) -> bytes:
        """Read at most `size` bytes. Raises ArchiveError past the maximum."""
        if not 0 <= size <= MAX_READ:
            raise ArchiveError(f"a header of {size} bytes")
        data = self._stream.read(size)
        self._check()
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move forward or back; skipped bytes count like those read."""
        if whence == 0 and offset > self._maximum:
            self._refuse()
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """Return the position in the decompressed stream."""
        return self._stream.tell()

    def _check(self) -> None:
        if self._stream.tell() > self._maximum:
            self._refuse()

    def _refuse(self) -> None:
        raise ArchiveError(f"it unpacks to more than {self._maximum} bytes")


def unpack(archive: Path, into: Path, *, max_bytes: int = MAX_BYTES) -> None:
    """Unpack a gzipped tar file into a new folder and make it read-only.

    Only plain files and folders are accepted. Raises ArchiveError; what was written stays.
    """
    into.mkdir(parents=True)
    with opened(archive, max_bytes=max_bytes) as tar:
        for member, path in members(tar):
            target = into / path
            if member.isdir():
                target.mkdir(parents=True, exist_ok=True)
            else:
                write(tar, member, target)
    # The platform mounts the model read-only: "Do not write to this directory".
    for written in into.rglob("*"):
        written.chmod(0o555 if written.is_dir() else 0o444)
    into.chmod(0o555)


def remove(folder: Path) -> None:
    """Delete a folder and the read-only ones in it; a missing one is fine."""
    for path in (folder, *folder.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(folder, ignore_errors=True)


def names(archive: Path, *, max_bytes: int = MAX_BYTES) -> list[str]:
    """List the files in an archive. Raises ArchiveError."""
    with opened(archive, max_bytes=max_bytes) as tar:
        return [path.as_posix() for member, path in members(tar) if member.isfile()]


def text(archive: Path, name: str, *, max_bytes: int = MAX_BYTES) -> bytes | None:
    """Read one small file (at most 16 MiB) of an archive, or None. Raises ArchiveError."""
    with opened(archive, max_bytes=max_bytes) as tar:
        for member, path in members(tar):
            if member.isfile() and path.as_posix() == name:
                stream = tar.extractfile(member)
                return stream.read(min(member.size, MAX_READ)) if stream else None
    return None


@contextmanager
def opened(archive: Path, *, max_bytes: int) -> Generator[tarfile.TarFile]:
    """Open an archive for metered reading; every flaw becomes an ArchiveError that names it."""
    try:
        with gzip.open(archive) as stream:
            # Of a file, tarfile uses what Metered has.
            metered = cast("IO[bytes]", Metered(stream, maximum=max_bytes))
            with tarfile.open(fileobj=metered, mode="r:") as tar:
                yield tar
    except ArchiveError as error:
        raise ArchiveError(f"{archive} is refused: {error}") from error
    except FileNotFoundError as error:
        raise ArchiveError(f"{archive} does not exist") from error
    except FLAWS as error:
        raise ArchiveError(
            f"{archive} cannot be unpacked: {str(error) or type(error).__name__}"
        ) from error


def members(tar: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, PurePosixPath]]:
    """Walk the entries that are safe to write, with the path of each inside the target."""
    for count, member in enumerate(tar):
        if count >= MAX_ENTRIES:
            raise ArchiveError(f"it holds more than {MAX_ENTRIES} entries")
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts or "\\" in member.name or "\0" in member.name:
            raise ArchiveError(f"entry {member.name!r} would leave the folder")
        if not (member.isfile() or member.isdir()):
            raise ArchiveError(
                f"entry {member.name!r} is a link or a device, not a file or a folder"
            )
        if member.issparse():
            raise ArchiveError(f"entry {member.name!r} is sparse")
        yield member, path


def write(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    """Copy one entry to a file that must not exist yet: an archive may not overwrite itself."""
    target.parent.mkdir(parents=True, exist_ok=True)
    source = tar.extractfile(member)
    if source is None:
        raise ArchiveError(f"entry {member.name!r} holds no data")
    with target.open("xb") as sink:
        shutil.copyfileobj(source, sink, 64 * 1024)
