"""Reaches S3 and SNS through boto3, at the endpoint of this machine or of any other."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

from stagewire_local.storage import ObjectError, TopicError, place

if TYPE_CHECKING:
    from collections.abc import Generator

REGION = 3  # the part of an ARN: arn:aws:sns:REGION:ACCOUNT:NAME


class Aws:
    """The clients of one endpoint, each made when it is first needed; importing boto3 takes 0.3 s."""

    def __init__(self, url: str, *, region: str = "us-east-1") -> None:
        self._url = url
        self._region = region
        self._lock = Lock()
        self._clients: dict[tuple[str, str], Any] = {}

    def client(self, service: str, *, region: str | None = None) -> Any:
        """Return a client, which threads may share."""
        key = service, region or self._region
        with self._lock:
            if key not in self._clients:
                self._clients[key] = made(self._url, *key)
            return self._clients[key]

    def close(self) -> None:
        """Close the connections of all clients."""
        for client in self._clients.values():
            client.close()


def made(url: str, service: str, region: str) -> Any:
    """Make a client; nobody checks its signature, but services are told apart by it."""
    import boto3

    # Of this session's own: whatever the user's shell is logged in to has no say here.
    session = boto3.Session(
        aws_access_key_id="stagewire",
        aws_secret_access_key="stagewire",  # noqa: S106 -- no secret of anybody
        region_name=region,
    )
    make: Any = session.client
    return make(service, endpoint_url=url)


class S3Objects:
    """Objects in S3."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    async def get(self, location: str, *, limit: int) -> bytes:
        """Read an object. Raises ObjectError when it is missing or larger than `limit` bytes."""
        return await asyncio.to_thread(self._get, location, limit)

    async def put(self, location: str, body: bytes, *, content_type: str | None) -> None:
        """Write an object. Raises ObjectError."""
        await asyncio.to_thread(self._put, location, body, content_type)

    def _get(self, location: str, limit: int) -> bytes:
        bucket, key = place(location)
        with named(ObjectError, f"{location} cannot be read"):
            found = self._aws.client("s3").get_object(Bucket=bucket, Key=key)
            if found["ContentLength"] > limit:
                found["Body"].close()
                message = f"{location} has {found['ContentLength']} bytes; the maximum is {limit}"
                raise ObjectError(message)
            body: bytes = found["Body"].read()
        return body

    def _put(self, location: str, body: bytes, content_type: str | None) -> None:
        bucket, key = place(location)
        typed = {} if content_type is None else {"ContentType": content_type}
        with named(ObjectError, f"{location} cannot be written"):
            self._aws.client("s3").put_object(Bucket=bucket, Key=key, Body=body, **typed)


class SnsTopics:
    """Topics of SNS, each in the region that its ARN names."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    async def publish(self, arn: str, message: str) -> None:
        """Send a message to all who have subscribed. Raises TopicError."""
        await asyncio.to_thread(self._publish, arn, message)

    def _publish(self, arn: str, message: str) -> None:
        with named(TopicError, f"{arn} takes no message"):
            region = [*arn.split(":"), "", "", "", ""][REGION] or None
            self._aws.client("sns", region=region).publish(TopicArn=arn, Message=message)


@contextmanager
def named(kind: type[ObjectError | TopicError], what: str) -> Generator[None]:
    """Turn what boto3 raises into this room's words."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        message = f"{what}: {error}"
        raise kind(message) from error
