"""Brings model data from S3 to one archive file, for as long as containers take it in."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import tarfile
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from stagewire_local.archive import MAX_BYTES
from stagewire_local.driver import Form, StartError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from stagewire_local.aws import Clients

FAULTS = (BotoCoreError, ClientError, OSError)
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # the disk, this user's share of it, one file's


class Source:
    """Model data by its URL, s3:// or file://.

    file:// is for what the command line serves: the API's own shapes refuse it. Data that is not
    an archive becomes one here, so that drivers know one form only.
    """

    def __init__(self, root: Path, *, clients: Clients) -> None:
        self._root = root
        self._clients = clients
        self._lock = asyncio.Lock()
        self._users = Counter[Path]()

    async def has(self, url: str, *, form: Form = Form.ARCHIVE) -> bool:
        """Tell whether the object is there, or some object with the prefix."""
        return await asyncio.get_running_loop().run_in_executor(
            self._clients.threads, self._has, url, form
        )

    @asynccontextmanager
    async def held(self, url: str, *, form: Form = Form.ARCHIVE) -> AsyncGenerator[Path]:
        """Give the file, which stays until its last user leaves the block.

        Raises StartError in the platform's words.
        """
        path = local(url)
        if path is not None:
            yield path
            return
        loop = asyncio.get_running_loop()
        async with self._lock:  # two containers often have the same model
            try:
                path = await loop.run_in_executor(self._clients.threads, self._fetch, url, form)
                self._users[path] += 1
            finally:
                self._drop()
        try:
            yield path
        finally:
            # Nothing is awaited here: a caller that is cancelled now still has a container to stop.
            self._users[path] -= 1
            if not self._lock.locked():  # else somebody may just be finding this file
                self._drop()

    def _drop(self) -> None:
        """Delete the files that nobody uses."""
        for path in [each for each, users in self._users.items() if not users]:
            del self._users[path]
            path.unlink(missing_ok=True)

    def _has(self, url: str, form: Form) -> bool:
        if local(url) is not None:
            return True
        try:
            return bool(self._objects(url, form))
        except FAULTS:
            return False

    def _fetch(self, url: str, form: Form) -> Path:
        try:
            found = self._objects(url, form)
            version = [url, form, *(f"{key} {tag}" for key, tag, _ in found)]
            path = self._root / f"{hashlib.sha256(repr(version).encode()).hexdigest()}.tar.gz"
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                self._bring(found, place(url)["Bucket"], prefix(url, form), into=path)
        except FAULTS as error:
            raise StartError(missing(url, error)) from error
        return path

    def _objects(self, url: str, form: Form) -> list[tuple[str, str, int]]:
        """List key, version and size of what the model is made of."""
        where = place(url)
        if form is not Form.PREFIX:
            head = self._clients.of("s3").head_object(**where)
            return [(where["Key"], head["ETag"], head["ContentLength"])]
        pages = self._clients.of("s3").get_paginator("list_objects_v2")
        return [
            (each["Key"], each["ETag"], each["Size"])
            for page in pages.paginate(Bucket=where["Bucket"], Prefix=where["Key"])
            for each in page.get("Contents", [])
        ]

    def _bring(
        self, found: Sequence[tuple[str, str, int]], bucket: str, cut: str | None, *, into: Path
    ) -> None:
        part = into.with_suffix(".part")
        try:
            if cut is None:
                self._clients.of("s3").download_file(bucket, found[0][0], str(part))
            else:
                self._pack(found, bucket, cut, into=part)
            part.replace(into)
        finally:
            part.unlink(missing_ok=True)

    def _pack(
        self, found: Sequence[tuple[str, str, int]], bucket: str, cut: str, *, into: Path
    ) -> None:
        """Write objects as the files of an archive, named by their keys without the prefix."""
        check(found, cut, where=f"s3://{bucket}/{cut}")
        # Level 0: it is unpacked again at once, by this machine.
        with tarfile.open(into, "w:gz", compresslevel=0, format=tarfile.PAX_FORMAT) as tar:
            for key, _, size in found:
                entry = tarfile.TarInfo(key.removeprefix(cut))
                entry.size = size
                tar.addfile(
                    entry, self._clients.of("s3").get_object(Bucket=bucket, Key=key)["Body"]
                )


def check(found: Sequence[tuple[str, str, int]], cut: str, *, where: str) -> None:
    """Refuse keys that are no files' names, by the rules of S3ModelDataSource. Raises StartError."""
    names = [key.removeprefix(cut) for key, _, _ in found]
    for name in names:
        if any(part in {"", ".", ".."} for part in name.split("/")):
            raise StartError(
                f"The object '{name}' under {where} does not name a file, as model data must."
            )
        if any(other.startswith(f"{name}/") for other in names):
            raise StartError(f"The object '{name}' under {where} is a file and a folder at once.")
    total = sum(size for _, _, size in found)
    if total > MAX_BYTES:
        raise StartError(
            f"The objects under {where} have {total} bytes; the maximum here is {MAX_BYTES}."
        )


def missing(url: str, error: Exception) -> str:
    """Say why the data did not come: this machine's fault is not the object's."""
    if isinstance(error, OSError) and error.errno in FULL:
        return f"No space is left on this machine's disk for the model data of {url}. ({error})"
    return (
        f"Failed to download model data from URL: {url}. Please ensure that there is an "
        f"object located at the URL. ({error})"
    )


def prefix(url: str, form: Form) -> str | None:
    """Return what is cut off keys to name files; None for an archive, which is taken as it is."""
    if form is Form.ARCHIVE:
        return None
    key = place(url)["Key"]
    return key if form is Form.PREFIX else key[: key.rfind("/") + 1]


def local(url: str) -> Path | None:
    """Return the path of a file:// URL, None of any other."""
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def place(url: str) -> dict[str, str]:
    """Split s3://BUCKET/KEY."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return {"Bucket": bucket, "Key": key}
