"""Runs one asynchronous request: its input from S3, through the chain, its outcome to S3 and SNS."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from stagewire_local.async_notice import TEST, Notices
from stagewire_local.chain import Invocation
from stagewire_local.errors import ModelError
from stagewire_local.storage import ObjectError, TopicError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from stagewire_local.async_config import AsyncConfig
    from stagewire_local.async_ticket import Ticket
    from stagewire_local.chain import Chain, Hop
    from stagewire_local.errors import Origin
    from stagewire_local.storage import Objects, Topics

log = logging.getLogger("stagewire.local.async")


@dataclass(frozen=True, kw_only=True)
class Inference:
    """The way of a request after the queue; `clock` tells the time in UTC."""

    chain: Chain
    objects: Objects
    topics: Topics
    clock: Callable[[], datetime]

    async def run(self, ticket: Ticket, *, hops: Sequence[Hop], origin: Origin) -> bool:
        """Invoke the containers once and deliver what comes of it; False when that is an error.

        Raises ServiceUnavailable when no container has seen the request, which may then wait for
        another instance.
        """
        try:
            reply = await self._chain(ticket).invoke(
                Invocation(
                    body=await self._input(ticket),
                    content_type=ticket.options.content_type,
                    accept=ticket.options.accept,
                    passed=ticket.options.passed,
                ),
                hops=hops,
                origin=origin,
            )
            await self.objects.put(ticket.output, reply.body, content_type=reply.content_type)
        except (ModelError, ObjectError) as error:
            await self._fail(ticket, error, origin=origin)
            return False
        message = self._notices(origin).completed(
            ticket,
            moment=self.clock(),
            content_type=reply.content_type,
            response=reply.body,
        )
        await self._tell(ticket.config.success_topic, message)
        return True

    async def expire(self, ticket: Ticket, *, origin: Origin) -> None:
        """Tell that a request was not taken from the queue in time."""
        message = self._notices(origin).expired(ticket, moment=self.clock())
        await self._tell(ticket.config.error_topic, message)

    async def greet(self, config: AsyncConfig) -> None:
        """Send the platform's test message to the topics of an endpoint that is made or changed."""
        for topic in dict.fromkeys((config.success_topic, config.error_topic)):
            await self._tell(topic, TEST)

    async def _input(self, ticket: Ticket) -> bytes:
        if ticket.location is None:
            return ticket.body or b""
        return await self.objects.get(ticket.location, limit=self.chain.limits.async_bytes)

    def _chain(self, ticket: Ticket) -> Chain:
        limits = self.chain.limits
        return replace(
            self.chain,
            limits=replace(limits, reply_seconds=ticket.timeout, body_bytes=limits.async_bytes),
        )

    def _notices(self, origin: Origin) -> Notices:
        return Notices(
            endpoint=origin.endpoint,
            region=origin.region,
            limit=self.chain.limits.notice_bytes,
        )

    async def _fail(
        self, ticket: Ticket, error: ModelError | ObjectError, *, origin: Origin
    ) -> None:
        reason, response = told(error)
        log.error("request %s to endpoint %s Failed: %s", ticket.id, origin.endpoint, reason)
        if ticket.failure is not None:
            try:
                await self.objects.put(ticket.failure, response, content_type=None)
            except ObjectError as second:
                log.error("%s", second)  # noqa: TRY400 (the message says all)
        message = self._notices(origin).failed(
            ticket, moment=self.clock(), reason=reason, response=response
        )
        await self._tell(ticket.config.error_topic, message)

    async def _tell(self, topic: str | None, message: str) -> None:
        if topic is None:
            return
        try:
            await self.topics.publish(topic, message)
        except TopicError as error:
            log.error("%s", error)  # noqa: TRY400 (the message says all)


def told(error: ModelError | ObjectError) -> tuple[str, bytes]:
    """Say a failure in the platform's words, and what the model answered, else why it could not."""
    if isinstance(error, ObjectError):
        return f"ClientError: {error}", str(error).encode()
    what = error.message.partition(" with message")[0].removesuffix(".")
    reason = f"ClientError: {what}. See the SageMaker Endpoint logs in your account for more information."
    return reason, error.original_message.encode()
