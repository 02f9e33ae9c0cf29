"""Brings a model.tar.gz into a volume that a container mounts read-only at /opt/ml/model."""

from __future__ import annotations

import io
import tarfile
from pathlib import PurePosixPath
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

from docker.types import Mount

from stagewire_local import archive
from stagewire_local.docker_engine import removed

if TYPE_CHECKING:
    from pathlib import Path

    from docker import DockerClient
    from docker.models.volumes import Volume

TARGET = "/opt/ml/model"


def filled(client: DockerClient, path: Path, *, image: str, labels: dict[str, str]) -> Volume:
    """Make a volume with the unpacked model.

    Files need not be shared with the engine: it may run on another machine. Raises ArchiveError
    and the SDK's errors, and leaves no volume then.
    """
    with TemporaryFile() as file:
        repacked(path, into=file)
        file.seek(0)
        volume = client.volumes.create(labels=labels)
        try:
            # Only through a container can a volume be written to; this one is never started.
            porter = client.containers.create(
                image, ["serve"], labels=labels, mounts=[mount(volume, read_only=False)]
            )
            try:
                porter.put_archive(TARGET, file)
            finally:
                removed(porter)
        except BaseException:
            removed(volume)
            raise
    return volume


def mount(volume: Volume, *, read_only: bool = True) -> Mount:
    """Mount a volume over what the image may have there, as the platform does."""
    return Mount(TARGET, volume.id, read_only=read_only, no_copy=True)


def repacked(path: Path, *, into: IO[bytes]) -> None:
    """Copy the entries of an archive that are safe into a plain tar file, owned by root, read-only.

    Raises ArchiveError.
    """
    written: set[PurePosixPath] = set()
    with (
        archive.opened(path, max_bytes=archive.MAX_BYTES) as source,
        tarfile.open(fileobj=into, mode="w", format=tarfile.PAX_FORMAT) as target,
    ):
        for member, name in archive.members(source):
            if name == PurePosixPath():
                continue
            if name in written and not member.isdir():
                raise archive.ArchiveError(f"entry {member.name!r} is in it twice")
            written.add(name)
            entry = tarfile.TarInfo(name.as_posix())
            entry.type = tarfile.DIRTYPE if member.isdir() else tarfile.REGTYPE
            entry.mode = 0o555 if member.isdir() else 0o444
            entry.size = 0 if member.isdir() else member.size
            content = source.extractfile(member) if member.isfile() else None
            target.addfile(entry, content or io.BytesIO())
