"""Brings model archives from S3 to a file, once for each version of an object."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from stagewire_local.driver import StartError

if TYPE_CHECKING:
    from collections.abc import Callable

FAULTS = (BotoCoreError, ClientError, OSError)


class Source:
    """Model data by its URL, s3:// or file://; `client` makes boto3's client for "s3".

    file:// is for what the command line serves: the API's own shapes refuse it.
    """

    def __init__(self, root: Path, *, client: Callable[[], Any]) -> None:
        self._root = root
        self._client = client
        self._lock = asyncio.Lock()

    async def has(self, url: str) -> bool:
        """Tell whether the object is there."""
        return await asyncio.to_thread(self._has, url)

    async def fetch(self, url: str) -> Path:
        """Return the file. Raises StartError in the platform's words."""
        async with self._lock:  # two containers often have the same model
            return await asyncio.to_thread(self._fetch, url)

    def _has(self, url: str) -> bool:
        if local(url) is not None:
            return True
        try:
            self._client().head_object(**place(url))
        except FAULTS:
            return False
        return True

    def _fetch(self, url: str) -> Path:
        path = local(url)
        if path is not None:
            return path
        try:
            client = self._client()
            version = client.head_object(**place(url))["ETag"]
            name = hashlib.sha256(f"{url} {version}".encode()).hexdigest()
            path = self._root / f"{name}.tar.gz"
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                part = path.with_suffix(".part")
                client.download_file(*place(url).values(), str(part))
                part.replace(path)
        except FAULTS as error:
            message = (
                f"Failed to download model data from URL: {url}. Please ensure that there is an "
                f"object located at the URL. ({error})"
            )
            raise StartError(message) from error
        return path


def local(url: str) -> Path | None:
    """Return the path of a file:// URL, None of any other."""
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def place(url: str) -> dict[str, str]:
    """Split s3://BUCKET/KEY."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return {"Bucket": bucket, "Key": key}
