"""Reaches S3 and SNS through boto3, at whatever endpoint its clients are made for."""

from __future__ import annotations

import asyncio
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stagewire_local.storage import ObjectError, TopicError, place

FAULTS = (BotoCoreError, ClientError)


class S3Objects:
    """Objects in S3; `client` is boto3's for "s3", which threads may share."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def get(self, location: str, *, limit: int) -> bytes:
        """Read an object. Raises ObjectError when it is missing or larger than `limit` bytes."""
        return await asyncio.to_thread(self._get, location, limit)

    async def put(self, location: str, body: bytes, *, content_type: str | None) -> None:
        """Write an object. Raises ObjectError."""
        await asyncio.to_thread(self._put, location, body, content_type)

    def _get(self, location: str, limit: int) -> bytes:
        bucket, key = place(location)
        try:
            found = self._client.get_object(Bucket=bucket, Key=key)
            if found["ContentLength"] > limit:
                message = f"{location} has {found['ContentLength']} bytes; the maximum is {limit}"
                raise ObjectError(message)
            body: bytes = found["Body"].read()
        except FAULTS as error:
            message = f"{location} cannot be read: {error}"
            raise ObjectError(message) from error
        return body

    def _put(self, location: str, body: bytes, content_type: str | None) -> None:
        bucket, key = place(location)
        typed = {} if content_type is None else {"ContentType": content_type}
        try:
            self._client.put_object(Bucket=bucket, Key=key, Body=body, **typed)
        except FAULTS as error:
            message = f"{location} cannot be written: {error}"
            raise ObjectError(message) from error


class SnsTopics:
    """Topics of SNS; `client` is boto3's for "sns"."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def publish(self, arn: str, message: str) -> None:
        """Send a message to all who have subscribed. Raises TopicError."""
        try:
            await asyncio.to_thread(self._client.publish, TopicArn=arn, Message=message)
        except FAULTS as error:
            text = f"{arn} takes no message: {error}"
            raise TopicError(text) from error
