"""Serverless endpoints: containers that start with a request, rest without, and a limit of requests.

Read from `Variant.settings["ServerlessConfig"]`, which the control plane keeps as the API was given
it; that a pipeline cannot be serverless is refused there.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from stagewire_local.errors import ModelNotReadyException, ThrottlingException

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from stagewire_local.limits import Limits
    from stagewire_local.registry import Endpoint
    from stagewire_local.variant import Variant

log = logging.getLogger("stagewire.local.serverless")


@dataclass(frozen=True, kw_only=True)
class ServerlessConfig:
    """How many requests are served at once, and for how many of them containers stay warm."""

    concurrency: int
    provisioned: int = 0
    memory_mb: int = 1024

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> ServerlessConfig | None:
        """Read the settings of a variant; None when it is not serverless."""
        config: Mapping[str, Any] | None = settings.get("ServerlessConfig")
        if config is None:
            return None
        return cls(
            concurrency=config["MaxConcurrency"],
            provisioned=config.get("ProvisionedConcurrency") or 0,
            memory_mb=config["MemorySizeInMB"],
        )


class Compute(Protocol):
    """Starts and stops the containers of a variant that exists."""

    async def wake(self, endpoint: Endpoint, variant: Variant) -> str | None:
        """Start them; return None when all are healthy, else why not."""
        ...

    async def rest(self, endpoint: Endpoint, variant: Variant) -> None:
        """Stop them."""
        ...


class Sandbox:
    """What is known of one serverless variant while it exists."""

    def __init__(self, endpoint: Endpoint, variant: Variant) -> None:
        self.endpoint = endpoint
        self.variant = variant
        self.running = 0
        self.waking: asyncio.Task[str | None] | None = None
        self.resting: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None

    @property
    def warm(self) -> bool:
        """Whether some instance could take a request now."""
        return any(each.hops() for each in self.variant.instances)

    @property
    def provisioned(self) -> bool:
        """Whether it is to be warm always, which an update may have changed."""
        config = ServerlessConfig.of(self.variant.settings)
        return config is not None and config.provisioned > 0

    def keep(self) -> None:
        """Stop the clock that would let it rest."""
        if self.timer is not None:
            self.timer.cancel()


class Serverless:
    """The serverless variants of all endpoints."""

    def __init__(self, compute: Compute, *, limits: Limits) -> None:
        self._compute = compute
        self._limits = limits
        self._sandboxes: dict[tuple[str, str], Sandbox] = {}

    @asynccontextmanager
    async def held(self, endpoint: Endpoint, variant: Variant) -> AsyncGenerator[None]:
        """Keep a variant awake for a request; one that is not serverless always is.

        Raises ThrottlingException above its concurrency, ModelNotReadyException when its cold
        start takes too long or fails.
        """
        config = ServerlessConfig.of(variant.settings)
        if config is None:
            yield
            return
        sandbox = self._sandbox(endpoint, variant)
        if sandbox.running >= config.concurrency:
            raise ThrottlingException(
                f"Endpoint {endpoint.name} serves {config.concurrency} requests at a time "
                "(MaxConcurrency). Try again."
            )
        sandbox.keep()
        sandbox.running += 1
        try:
            await self._warm(sandbox)
            yield
        finally:
            sandbox.running -= 1
            if not (sandbox.running or sandbox.provisioned):
                self._wind(sandbox)

    async def close(self) -> None:
        """Let go of everything; the containers are the compute's."""
        tasks = [
            task
            for sandbox in self._sandboxes.values()
            for task in (sandbox.waking, sandbox.resting)
            if task is not None
        ]
        for sandbox in self._sandboxes.values():
            sandbox.keep()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _sandbox(self, endpoint: Endpoint, variant: Variant) -> Sandbox:
        key = endpoint.name, variant.name
        found = self._sandboxes.get(key)
        # An update, or an endpoint made anew, has another variant of that name.
        if found is None or found.variant is not variant:
            found = self._sandboxes[key] = Sandbox(endpoint, variant)
        return found

    async def _warm(self, sandbox: Sandbox) -> None:
        if sandbox.resting is not None:
            # Its containers may still look healthy when they are about to be stopped.
            await asyncio.wait([sandbox.resting])
        if sandbox.warm:
            return
        waking = sandbox.waking
        if waking is None or waking.done():
            log.info("endpoint %s starts cold", sandbox.endpoint.name)
            waking = asyncio.create_task(self._compute.wake(sandbox.endpoint, sandbox.variant))
            sandbox.waking = waking
        done, _ = await asyncio.wait([waking], timeout=self._limits.cold_seconds)
        trouble = waking.result() if done else "its containers are still being started"
        if trouble is not None:
            raise ModelNotReadyException(
                f"Endpoint {sandbox.endpoint.name} is not ready: {trouble}. Try again later."
            )

    def _wind(self, sandbox: Sandbox) -> None:
        """Start the clock that lets it rest."""
        sandbox.keep()
        loop = asyncio.get_running_loop()
        sandbox.timer = loop.call_later(self._limits.idle_seconds, self._rest, sandbox)

    def _rest(self, sandbox: Sandbox) -> None:
        if sandbox.waking is not None and not sandbox.waking.done():
            self._wind(sandbox)  # perhaps nobody asks again when it has started
        elif not (sandbox.running or sandbox.provisioned):
            log.info("endpoint %s is scaled to zero", sandbox.endpoint.name)
            sandbox.resting = asyncio.create_task(
                self._compute.rest(sandbox.endpoint, sandbox.variant)
            )


def within(limits: Limits, *, variant: Variant) -> Limits:
    """Return the limits of a variant's requests: a serverless one takes smaller bodies."""
    if ServerlessConfig.of(variant.settings) is None:
        return limits
    return replace(limits, body_bytes=limits.serverless_bytes)
