"""Reaches S3 and SNS through boto3, at the endpoint of this machine or of any other."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from stagewire_local.storage import ObjectError, TopicError, place

if TYPE_CHECKING:
    from collections.abc import Generator
    from concurrent.futures import Executor


class Clients(Protocol):
    """boto3's clients, made when they are first needed; threads may share them."""

    @property
    def threads(self) -> Executor | None:
        """Where they are called; None for the loop's own threads."""
        ...

    def of(self, service: str) -> Any:
        """Return the client of a service."""
        ...


class S3Objects:
    """Objects in S3."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    async def get(self, location: str, *, limit: int) -> bytes:
        """Read an object. Raises ObjectError when it is missing or larger than `limit` bytes."""
        return await asyncio.get_running_loop().run_in_executor(
            self._clients.threads, self._get, location, limit
        )

    async def put(self, location: str, body: bytes, *, content_type: str | None) -> None:
        """Write an object. Raises ObjectError."""
        await asyncio.get_running_loop().run_in_executor(
            self._clients.threads, self._put, location, body, content_type
        )

    def _get(self, location: str, limit: int) -> bytes:
        bucket, key = place(location)
        with named(ObjectError, f"{location} cannot be read"):
            found = self._clients.of("s3").get_object(Bucket=bucket, Key=key)
            if found["ContentLength"] > limit:
                found["Body"].close()
                raise ObjectError(
                    f"{location} has {found['ContentLength']} bytes; the maximum is {limit}"
                )
            body: bytes = found["Body"].read()
        return body

    def _put(self, location: str, body: bytes, content_type: str | None) -> None:
        bucket, key = place(location)
        typed = {} if content_type is None else {"ContentType": content_type}
        with named(ObjectError, f"{location} cannot be written"):
            self._clients.of("s3").put_object(Bucket=bucket, Key=key, Body=body, **typed)


class SnsTopics:
    """Topics of SNS, in the region of the clients, as the platform wants them."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    async def publish(self, arn: str, message: str) -> None:
        """Send a message to all who have subscribed. Raises TopicError."""
        await asyncio.get_running_loop().run_in_executor(
            self._clients.threads, self._publish, arn, message
        )

    def _publish(self, arn: str, message: str) -> None:
        with named(TopicError, f"{arn} takes no message"):
            self._clients.of("sns").publish(TopicArn=arn, Message=message)


@contextmanager
def named(kind: type[ObjectError | TopicError], what: str) -> Generator[None]:
    """Turn what boto3 raises into this room's words."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise kind(f"{what}: {error}") from error
