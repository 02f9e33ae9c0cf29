"""Passes the last container's answer on as an event stream, each piece when it comes.

The containers before the last are asked as for InvokeEndpoint: the platform sends each whole answer
as the next request, so there is nothing of theirs to stream.
"""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from stagewire_local import eventstream
from stagewire_local.chain import LOST, SUCCESS, TIMED_OUT, fault, refused
from stagewire_local.client import LateError, LostError, UnreachableError
from stagewire_local.errors import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence

    from stagewire_local.chain import Chain, Hop, Invocation
    from stagewire_local.client import Stream
    from stagewire_local.errors import Origin

log = logging.getLogger("stagewire.local.stream")


class Streaming:
    """A good answer that has begun."""

    def __init__(self, stream: Stream, *, hop: Hop) -> None:
        self.headers: Mapping[str, str] = stream.headers
        self._stream = stream
        self._hop = hop

    async def frames(self, *, failed: Callable[[], None]) -> AsyncIterator[bytes]:
        """Give the events; `failed` is called when the last of them is an error.

        The status is on the wire already, so whatever goes wrong can only be said in the stream.
        """
        try:
            async for chunk in self._stream.chunks():
                yield eventstream.part(chunk)
        except LateError:
            failed()
            yield self._broken("ModelInvocationTimeExceeded", TIMED_OUT)
        except LostError:
            failed()
            yield self._broken("StreamBroken", LOST)
        except Exception:
            failed()
            log.exception("the door failed in a stream from %s", self._hop.hostname)
            message = {"Message": "The door failed; its log has the reason."}
            yield eventstream.exception("InternalStreamFailure", message)

    def _broken(self, code: str, words: str) -> bytes:
        message = words.format(name=self._hop.hostname)
        return eventstream.exception("ModelStreamError", {"Message": message, "ErrorCode": code})


@asynccontextmanager
async def opened(
    chain: Chain, invocation: Invocation, *, hops: Sequence[Hop], origin: Origin
) -> AsyncGenerator[Streaming]:
    """Go through all containers and give the last one's answer when its head is there.

    Raises what Chain.invoke does, while the caller can still be answered with an error.
    """
    if not hops:
        raise ServiceUnavailable(f"Endpoint {origin.endpoint} has no containers.")
    last = await chain.before(invocation, hops=hops, origin=origin)
    hop = hops[-1]
    try:
        async with chain.client.stream(
            hop.address,
            "/invocations",
            last.body,
            headers=chain.headers(last, last=True),
            seconds=chain.limits.stream_seconds,
        ) as stream:
            if stream.status // 100 != SUCCESS:
                body = await stream.read(limit=chain.limits.body_bytes)
                raise refused(stream.status, body, hop=hop, origin=origin)
            yield Streaming(stream, hop=hop)
    except (UnreachableError, LateError, LostError) as error:
        raise fault(error, hop=hop, origin=origin) from error
