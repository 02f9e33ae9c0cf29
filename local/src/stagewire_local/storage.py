"""What asynchronous inference needs of S3 and SNS, so that any of them can be plugged in."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import unquote, urlsplit


class ObjectError(Exception):
    """An object cannot be read or written; the message names it and says why."""


class Objects(Protocol):
    """A store of objects; locations are s3:// or https:// URLs as the API takes them."""

    async def get(self, location: str, *, limit: int) -> bytes:
        """Read an object. Raises ObjectError when it is missing or larger than `limit` bytes."""
        ...

    async def put(self, location: str, body: bytes, *, content_type: str | None) -> None:
        """Write an object. Raises ObjectError."""
        ...


class Topics(Protocol):
    """A service of topics."""

    async def publish(self, arn: str, message: str) -> None:
        """Send a message to all who have subscribed. Raises TopicError."""
        ...


class TopicError(Exception):
    """A message cannot be published; the message names the topic and says why."""


def place(location: str) -> tuple[str, str]:
    """Split the URL of an object into bucket and key. Raises ObjectError.

    Besides s3://BUCKET/KEY, S3's two https forms: BUCKET.s3.REGION.HOST/KEY and s3.REGION.HOST/BUCKET/KEY.
    """
    parts = urlsplit(location)
    path = location.removeprefix(f"{parts.scheme}://{parts.netloc}").lstrip("/")
    bucket, key = parts.netloc, path
    if parts.scheme == "https":
        bucket, dot, _ = parts.netloc.partition(".s3")
        key = unquote(parts.path.lstrip("/"))
        if not dot:
            bucket, _, key = key.partition("/")
    if not (parts.scheme in {"s3", "https"} and bucket and key):
        raise ObjectError(
            f"{location} names no object: it must be s3://BUCKET/KEY or an https URL of S3"
        )
    return bucket, key
