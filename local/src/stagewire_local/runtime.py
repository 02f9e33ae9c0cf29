"""The SageMaker Runtime API: what any AWS SDK sees at `endpoint_url`, and a short cut for curl."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from uuid import uuid4

from stagewire_local.asgi import GoneError, Request
from stagewire_local.errors import (
    InternalFailure,
    RuntimeFault,
    ServiceUnavailable,
    UnknownOperationException,
    ValidationError,
)
from stagewire_local.operations import Operations
from stagewire_local.registry import INVOCABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagewire_local.asgi import Receive, Scope, Send
    from stagewire_local.async_queue import Queues
    from stagewire_local.chain import Chain
    from stagewire_local.metrics import Metrics
    from stagewire_local.registry import Registry
    from stagewire_local.serverless import Serverless

ENDPOINT = re.compile(r"/endpoints/([^/]+)/([^/]+)")

log = logging.getLogger("stagewire.local.runtime")


class Runtime:
    """An ASGI application over a registry; `about` is added to what the status route tells.

    Without `queues` no endpoint is asynchronous, without `serverless` no variant ever rests.
    """

    def __init__(  # noqa: PLR0913 (what it is made of, each by its name)
        self,
        registry: Registry,
        *,
        chain: Chain,
        region: str = "us-east-1",
        about: Mapping[str, Any] | None = None,
        queues: Queues | None = None,
        serverless: Serverless | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._registry = registry
        self._operations = Operations(
            chain, region=region, queues=queues, serverless=serverless, metrics=metrics
        )
        self._about = dict(about or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; every fault becomes the platform's error on the wire."""
        if scope["type"] != "http":
            raise NotImplementedError(f"the runtime speaks http, not {scope['type']}")
        request = Request(scope, receive)
        headers: dict[str, str | None] = {"x-amzn-RequestId": str(uuid4())}
        try:
            answer = await self._route(request, headers, send=send)
        except GoneError:
            return
        except RuntimeFault as fault:
            answer = refusal(fault, headers)
        except asyncio.CancelledError:
            # The server's last word to what is on its way 30 s after it was told to stop; the loop
            # goes on until the containers are stopped, so that there is time to say so.
            if request.streamed:
                raise
            answer = refusal(ServiceUnavailable("The door is closing. Try again."), headers)
        except Exception:
            log.exception("the door failed at %s %s", request.method, request.path)
            own = InternalFailure("The door failed; its log has the reason.")
            answer = refusal(own, headers)
        if answer is None:
            return
        status, body = answer
        await request.respond(send, status=status, headers=headers, body=body)

    async def close(self) -> None:
        """End the background work: queues and cold starts."""
        await self._operations.close()

    async def _route(
        self, request: Request, headers: dict[str, str | None], *, send: Send
    ) -> tuple[int, bytes] | None:
        """Answer, or return None when the answer is written already."""
        line = f"{request.method} {request.path}"
        found = ENDPOINT.fullmatch(request.raw)
        if found and request.method == "POST":
            name, operation = unquote(found[1]), found[2]
            if operation == "invocations-response-stream":
                endpoint = self._registry.serving(name)
                await self._operations.stream(endpoint, request, headers, send=send)
                return None
            if operation == "async-invocations":
                endpoint = self._registry.serving(name)
                return await self._operations.enqueue(endpoint, request, headers)
            if operation == "invocations":
                return await self._invoke(name, request, headers)
            if operation == BIDIRECTIONAL:
                raise ValidationError(
                    "InvokeEndpointWithBidirectionalStream is not implemented here."
                )
        if line == "POST /invocations":
            return await self._invoke(self._registry.only(), request, headers)
        if line == "GET /ping":
            return self._ping(), b""
        if line == "GET /_stagewire/status":
            headers["Content-Type"] = "application/json"
            return 200, json.dumps(self._status()).encode()
        raise UnknownOperationException(f"{line} is no operation of the SageMaker Runtime API.")

    async def _invoke(
        self, name: str, request: Request, headers: dict[str, str | None]
    ) -> tuple[int, bytes]:
        return await self._operations.invoke(self._registry.serving(name), request, headers)

    def _ping(self) -> int:
        endpoint = self._registry.find(self._registry.only())
        up = any(each.hops() for variant in endpoint.variants for each in variant.instances)
        return 200 if up and endpoint.state in INVOCABLE else 503

    def _status(self) -> dict[str, Any]:
        return {**self._about, "endpoints": [each.status() for each in self._registry.all()]}


def refusal(fault: RuntimeFault, headers: dict[str, str | None]) -> tuple[int, bytes]:
    """Write a fault as SDKs read it: without x-amzn-ErrorType they drop all its members."""
    headers["x-amzn-ErrorType"] = fault.kind
    headers["Content-Type"] = "application/json"
    return fault.status, fault.body()


# Over HTTP/2 on a port of its own, with an SDK of its own; out of scope.
BIDIRECTIONAL = "invocations-bidirectional-stream"
