"""The operations of the runtime API, each from its request to what the caller is told."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

from stagewire_local import eventstream, stream
from stagewire_local.async_config import AsyncConfig
from stagewire_local.async_ticket import ticket
from stagewire_local.chain import Invocation
from stagewire_local.errors import ModelError, Origin, RuntimeFault, ValidationError
from stagewire_local.headers import ASYNC, FRESH, PLAIN, PREFIX, STREAM, VARIANT, options, told
from stagewire_local.serverless import within
from stagewire_local.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from stagewire_local.asgi import Request, Send
    from stagewire_local.async_queue import Queues
    from stagewire_local.chain import Chain, Hop
    from stagewire_local.headers import Names, Options
    from stagewire_local.metrics import Metrics
    from stagewire_local.registry import Endpoint
    from stagewire_local.serverless import Serverless
    from stagewire_local.variant import Variant

Lines = dict[str, str | None]


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A place on an instance: what one request may use for as long as it takes."""

    chain: Chain
    hops: list[Hop]
    variant: str
    invocation: Invocation


class Operations:
    """InvokeEndpoint in its three forms, over endpoints that are found already."""

    def __init__(  # noqa: PLR0913 (what it is made of, each by its name)
        self,
        chain: Chain,
        *,
        region: str,
        queues: Queues | None,
        serverless: Serverless | None,
        sessions: Sessions | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._chain = chain
        self._region = region
        self._queues = queues
        self._serverless = serverless
        self._sessions = sessions or Sessions()
        self._metrics = metrics

    async def invoke(
        self, endpoint: Endpoint, request: Request, headers: Lines
    ) -> tuple[int, bytes]:
        """InvokeEndpoint: the whole answer at once."""
        refuse_async(endpoint)
        with counted(endpoint):
            said = self._said(request, names=PLAIN)
            origin = self._origin(endpoint)
            async with self._slot(endpoint, request, said=said) as slot:
                reply = await slot.chain.invoke(slot.invocation, hops=slot.hops, origin=origin)
                self._sessions.note(
                    reply.headers, endpoint=endpoint, hops=slot.hops, asked=said.session
                )
            headers |= told(reply.headers, names=PLAIN) | {VARIANT: slot.variant}
            return 200, reply.body

    async def stream(
        self, endpoint: Endpoint, request: Request, headers: Lines, *, send: Send
    ) -> None:
        """InvokeEndpointWithResponseStream: the answer piece by piece, as it comes."""
        refuse_async(endpoint)
        with counted(endpoint) as fail:
            said = self._said(request, names=STREAM)
            origin = self._origin(endpoint)
            async with (
                self._slot(endpoint, request, said=said, streams=True) as slot,
                stream.opened(slot.chain, slot.invocation, hops=slot.hops, origin=origin) as answer,
            ):
                headers |= told(answer.headers, names=STREAM) | {VARIANT: slot.variant}
                headers["Content-Type"] = eventstream.CONTENT_TYPE
                await request.stream(send, headers=headers, chunks=answer.frames(failed=fail))

    async def enqueue(
        self, endpoint: Endpoint, request: Request, headers: Lines
    ) -> tuple[int, bytes]:
        """InvokeEndpointAsync: a place in the queue, and where the result will be."""
        with counted(endpoint):
            config = AsyncConfig.of(endpoint.settings)
            if config is None or self._queues is None:
                raise ValidationError(f"Endpoint {endpoint.name} has no AsyncInferenceConfig.")
            if any(variant.direct for variant in endpoint.variants):
                raise ValidationError(
                    "InvokeEndpointAsync cannot name a container, which mode Direct needs."
                )
            said = self._said(request, names=ASYNC)
            accepted = await ticket(
                request,
                options=said,
                config=config,
                received=self._queues.inference.clock(),
                inline=self._chain.limits.inline_bytes,
            )
            self._queues.of(endpoint).put(accepted)
        headers[f"{PREFIX}OutputLocation"] = accepted.output
        headers[f"{PREFIX}FailureLocation"] = accepted.failure
        headers["Content-Type"] = "application/json"
        return 202, json.dumps({"InferenceId": accepted.id}).encode()

    async def close(self) -> None:
        """End the background work: queues and cold starts."""
        if self._queues is not None:
            await self._queues.close()
        if self._serverless is not None:
            await self._serverless.close()

    def _said(self, request: Request, *, names: Names) -> Options:
        return options(request, names=names, most=self._chain.limits.attributes_chars)

    def _origin(self, endpoint: Endpoint) -> Origin:
        return Origin(endpoint=endpoint.name, region=self._region)

    @asynccontextmanager
    async def _slot(
        self, endpoint: Endpoint, request: Request, *, said: Options, streams: bool = False
    ) -> AsyncGenerator[Slot]:
        """Read the body and find it a place, on an instance that is awake."""
        began = perf_counter()
        home, variant = self._chosen(endpoint, said)
        limits = within(self._chain.limits, variant=variant)
        invocation = Invocation(
            body=await request.body(limit=limits.body_bytes),
            content_type=said.content_type,
            accept=said.accept,
            passed=said.passed,
        )
        if all(each is not variant for each in endpoint.variants):
            # An update has exchanged it while the body came.
            home, variant = self._chosen(endpoint, said)
            limits = within(self._chain.limits, variant=variant)
        chain = self._chain
        if limits is not chain.limits:
            chain = replace(chain, limits=limits)
        awake = self._serverless.held(endpoint, variant) if self._serverless else nullcontext()
        async with awake:
            seconds = 0.0
            if streams:
                before = len(variant.instances[0].containers) - 1
                seconds = limits.stream_seconds + before * limits.reply_seconds
            lease = (home or variant).lease(said.target, seconds=seconds)
            with lease as hops, self._metered(endpoint, variant, began=began):
                yield Slot(chain=chain, hops=hops, variant=variant.name, invocation=invocation)

    def _chosen(self, endpoint: Endpoint, said: Options) -> tuple[Variant | None, Variant]:
        """Choose the variant, and the one instance of it that a session is bound to."""
        home = None
        if said.session not in {None, FRESH}:
            home = self._sessions.home(endpoint, str(said.session))
        return home, endpoint.variant(home.name if home else said.variant)

    @contextmanager
    def _metered(self, endpoint: Endpoint, variant: Variant, *, began: float) -> Generator[None]:
        """Count a request that has found its place, and the time that its containers take."""
        if self._metrics is None:
            yield
            return
        asked, status = perf_counter(), 200
        try:
            yield
        except RuntimeFault as fault:
            status = fault.original if isinstance(fault, ModelError) else fault.status
            raise
        finally:
            self._metrics.invoked(
                endpoint.name,
                variant.name,
                status=status,
                share=1 / max(1, len(variant.instances)),
                model=perf_counter() - asked,
                other=asked - began,
            )


@contextmanager
def counted(endpoint: Endpoint) -> Generator[Callable[[], None]]:
    """Count a request, and its error whether it is raised or told."""
    endpoint.requests += 1

    def fail() -> None:
        endpoint.errors += 1

    try:
        yield fail
    except Exception:
        fail()
        raise


def refuse_async(endpoint: Endpoint) -> None:
    """Refuse to answer at once for an endpoint that is asynchronous only. Raises ValidationError."""
    if AsyncConfig.of(endpoint.settings) is not None:
        raise ValidationError(
            f"Endpoint {endpoint.name} is asynchronous: only InvokeEndpointAsync invokes it."
        )
