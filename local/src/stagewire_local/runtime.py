"""The SageMaker Runtime API: what any AWS SDK sees at `endpoint_url`, and a short cut for curl."""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from stagewire_local.asgi import GoneError, Request
from stagewire_local.chain import ATTRIBUTES, Invocation
from stagewire_local.errors import (
    InternalFailure,
    Origin,
    RuntimeFault,
    UnknownOperationException,
    ValidationError,
)
from stagewire_local.registry import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagewire_local.asgi import Receive, Scope, Send
    from stagewire_local.chain import Chain, Reply
    from stagewire_local.registry import Endpoint, Registry

PREFIX = "X-Amzn-SageMaker-"
ENDPOINT = re.compile(r"/endpoints/([^/]+)/([^/]+)")

log = logging.getLogger("stagewire.local.runtime")


class Runtime:
    """An ASGI application over a registry; `about` is added to what the status route tells."""

    def __init__(
        self,
        registry: Registry,
        *,
        chain: Chain,
        region: str = "us-east-1",
        about: Mapping[str, Any] | None = None,
    ) -> None:
        self._registry = registry
        self._chain = chain
        self._region = region
        self._about = dict(about or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; every fault becomes the platform's error on the wire."""
        if scope["type"] != "http":
            message = f"the runtime speaks http, not {scope['type']}"
            raise NotImplementedError(message)
        request = Request(scope, receive)
        headers: dict[str, str | None] = {"x-amzn-RequestId": str(uuid4())}
        try:
            status, body = await self._route(request, headers)
        except GoneError:
            return
        except RuntimeFault as fault:
            status, body = refusal(fault, headers)
        except Exception:
            log.exception("the door failed at %s %s", request.method, request.path)
            own = InternalFailure("The door failed; its log has the reason.")
            status, body = refusal(own, headers)
        await request.respond(send, status=status, headers=headers, body=body)

    async def _route(self, request: Request, headers: dict[str, str | None]) -> tuple[int, bytes]:
        line = f"{request.method} {request.path}"
        found = ENDPOINT.fullmatch(request.path)
        if found and request.method == "POST":
            name, operation = found.groups()
            if operation == "invocations":
                return await self._invoke(name, request, headers)
            if operation in LATER:
                message = f"{LATER[operation]} is not implemented on this machine yet."
                raise ValidationError(message)
        if line == "POST /invocations":
            return await self._invoke(self._registry.only(), request, headers)
        if line == "GET /ping":
            return self._ping(), b""
        if line == "GET /_stagewire/status":
            headers["Content-Type"] = "application/json"
            return 200, json.dumps(self._status()).encode()
        message = f"{line} is no operation of the SageMaker Runtime API."
        raise UnknownOperationException(message)

    async def _invoke(
        self, name: str, request: Request, headers: dict[str, str | None]
    ) -> tuple[int, bytes]:
        endpoint = self._registry.serving(name)
        endpoint.requests += 1
        try:
            reply, variant = await self._reply(endpoint, request)
        except Exception:
            endpoint.errors += 1
            raise
        headers["Content-Type"] = reply.content_type
        headers["x-Amzn-Invoked-Production-Variant"] = variant
        headers[ATTRIBUTES] = reply.attributes
        return 200, reply.body

    async def _reply(self, endpoint: Endpoint, request: Request) -> tuple[Reply, str]:
        refuse_targets(request)
        variant = endpoint.variant(request.header(f"{PREFIX}Target-Variant"))
        options = {name: self._opaque(request, name) for name in OPAQUE}
        body = await request.body(limit=self._chain.limits.body_bytes)
        reply = await self._chain.invoke(
            Invocation(
                body=body,
                content_type=options["Content-Type"],
                accept=options["Accept"],
                attributes=options[ATTRIBUTES],
            ),
            hops=variant.route(),
            origin=Origin(endpoint=endpoint.name, region=self._region),
        )
        return reply, variant.name

    def _opaque(self, request: Request, name: str) -> str | None:
        """Read a header that passes through: at most 1024 ASCII characters, by the API's model."""
        value = request.header(name)
        most = self._chain.limits.attributes_chars
        if value is not None and not (value.isascii() and len(value) <= most):
            message = f"{name} must be at most {most} ASCII characters."
            raise ValidationError(message)
        return value

    def _ping(self) -> int:
        endpoint = self._registry.find(self._registry.only())
        up = any(each.hops() for variant in endpoint.variants for each in variant.instances)
        return 200 if up and endpoint.state is State.IN_SERVICE else 503

    def _status(self) -> dict[str, Any]:
        return {**self._about, "endpoints": [each.status() for each in self._registry.all()]}


def refuse_targets(request: Request) -> None:
    """Refuse the targets that an endpoint of one serial pipeline does not have."""
    for name, why in TARGETS.items():
        if request.header(f"{PREFIX}{name}") is not None:
            raise ValidationError(why)


def refusal(fault: RuntimeFault, headers: dict[str, str | None]) -> tuple[int, bytes]:
    """Write a fault as SDKs read it: without x-amzn-ErrorType they drop all its members."""
    headers["x-amzn-ErrorType"] = fault.kind
    headers["Content-Type"] = "application/json"
    return fault.status, fault.body()


OPAQUE = ("Content-Type", "Accept", ATTRIBUTES)

TARGETS = {
    "Target-Container-Hostname": (
        "TargetContainerHostname is not valid for an endpoint whose InferenceExecutionConfig "
        "mode is Serial."
    ),
    "Target-Model": "TargetModel is only valid for a multi-model endpoint.",
    "Inference-Component": "This endpoint has no inference components.",
}

LATER = {
    "async-invocations": "InvokeEndpointAsync",
    "invocations-response-stream": "InvokeEndpointWithResponseStream",
    "invocations-bidirectional-stream": "InvokeEndpointWithBidirectionalStream",
}
