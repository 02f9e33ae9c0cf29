"""The hop rules of a serial pipeline: one request through all containers in order.

Sources and what is assumed: docs/fidelity.md. Content types are opaque here, as on the platform.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from stagewire_local.client import Answer, Client, LateError, LostError, UnreachableError
from stagewire_local.errors import ModelError, Origin, RuntimeFault, ServiceUnavailable
from stagewire_local.limits import MIB, Limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stagewire_local.driver import Address

SUCCESS = 2  # the hundreds of a status that lets the request travel on
TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container {name}. Review the "
    "latency metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
)
LOST = "The connection to container {name} was closed before its response was complete."


class HopAccept(StrEnum):
    """What Accept the intermediate containers get; which one the platform sends is unknown."""

    ABSENT = "absent"
    ANY = "*/*"
    JSON = "application/json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Hop:
    """One container of the pipeline, as a request finds it."""

    hostname: str
    address: Address


@dataclass(frozen=True, kw_only=True, slots=True)
class Invocation:
    """What a caller sent that reaches containers; None means that the header was absent.

    `passed` are the headers that every container gets as the caller wrote them.
    """

    body: bytes
    content_type: str | None = None
    accept: str | None = None
    passed: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What the last container answered; of its headers the caller gets those that the API has."""

    body: bytes
    headers: Mapping[str, str]

    @property
    def content_type(self) -> str | None:
        """Its media type, verbatim."""
        return self.headers.get("content-type")


@dataclass(frozen=True, kw_only=True)
class Chain:
    """Sends requests through containers in order, by the platform's rules."""

    client: Client
    limits: Limits
    hop_accept: HopAccept = HopAccept.ABSENT

    async def invoke(self, invocation: Invocation, *, hops: Sequence[Hop], origin: Origin) -> Reply:
        """Return the last container's answer.

        Raises ModelError for 3xx, 4xx, 5xx, time-outs, lost connections and oversize answers,
        ServiceUnavailable when a container is not there to take the request.
        """
        if not hops:
            raise ServiceUnavailable(f"Endpoint {origin.endpoint} has no containers.")
        before = await self.before(invocation, hops=hops, origin=origin)
        answer = await self._ask(before, hops=hops, place=len(hops) - 1, origin=origin)
        return Reply(body=answer.body, headers=answer.headers)

    async def before(
        self, invocation: Invocation, *, hops: Sequence[Hop], origin: Origin
    ) -> Invocation:
        """Pass all containers but the last; return what that one is to get. Raises as `invoke`."""
        for place in range(len(hops) - 1):
            answer = await self._ask(invocation, hops=hops, place=place, origin=origin)
            invocation = Invocation(
                body=answer.body,
                content_type=answer.headers.get("content-type"),
                accept=invocation.accept,
                passed=invocation.passed,
            )
        return invocation

    def headers(self, invocation: Invocation, *, last: bool) -> Mapping[str, str]:
        """Name the headers that a container gets."""
        headers = dict(invocation.passed)
        if invocation.content_type is not None:
            headers["Content-Type"] = invocation.content_type
        accept = invocation.accept if last else self._between
        if accept is not None:
            headers["Accept"] = accept
        return headers

    @property
    def _between(self) -> str | None:
        return None if self.hop_accept is HopAccept.ABSENT else self.hop_accept.value

    async def _ask(
        self, invocation: Invocation, *, hops: Sequence[Hop], place: int, origin: Origin
    ) -> Answer:
        hop, last = hops[place], place == len(hops) - 1
        try:
            answer = await self.client.post(
                hop.address,
                "/invocations",
                invocation.body,
                headers=self.headers(invocation, last=last),
                seconds=self.limits.reply_seconds,
                limit=self.limits.body_bytes if last else self.limits.hop_bytes,
            )
        except (UnreachableError, LateError, LostError) as error:
            raise fault(error, hop=hop, origin=origin) from error
        if answer.status // 100 != SUCCESS:
            raise refused(answer.status, answer.body, hop=hop, origin=origin)
        if answer.size > len(answer.body):
            following = None if last else hops[place + 1].hostname
            raise self._oversize(answer, hop=hop, following=following, origin=origin)
        return answer

    def _oversize(
        self, answer: Answer, *, hop: Hop, following: str | None, origin: Origin
    ) -> ModelError:
        if following is None:
            what = "response payload from the container"
            limit = self.limits.body_bytes
        else:
            what = f"request payload from {hop.hostname} to {following}"
            limit = self.limits.hop_bytes
        message = (
            f"Received response from {hop.hostname} with status code {answer.status}. However, "
            f"the {what} is {answer.size} bytes, which has exceeded the maximum limit of "
            f"{size(limit)}."
        )
        return ModelError.oversize(message, status=answer.status, origin=origin)


def fault(error: Exception, *, hop: Hop, origin: Origin) -> RuntimeFault:
    """Say in the platform's words what went wrong with a container's answer."""
    if isinstance(error, UnreachableError):
        message = f"Container {hop.hostname} of endpoint {origin.endpoint} is not reachable."
        return ServiceUnavailable(message)
    text = (TIMED_OUT if isinstance(error, LateError) else LOST).format(name=hop.hostname)
    return ModelError.received(0, container=hop.hostname, text=text, origin=origin)


def refused(status: int, body: bytes, *, hop: Hop, origin: Origin) -> ModelError:
    """Quote a container that answered, but not with 2xx."""
    text = body.decode(errors="replace")
    return ModelError.received(status, container=hop.hostname, text=text, origin=origin)


def size(limit: int) -> str:
    """Write a limit as the platform's messages do, in MB; a smaller one of a test in bytes."""
    return f"{limit // MIB} MB" if limit % MIB == 0 else f"{limit} bytes"
