"""Decides by the platform's ping whether a container is ready, and when it no longer is."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stagewire_local.client import Client
    from stagewire_local.driver import Address, Driver
    from stagewire_local.limits import Limits

# A stage can be up 0.2 s after its start; polling faster than this would slow that start down.
POLL_SECONDS = 0.05
# How often a start that takes long is mentioned, so that nobody stares at silence for 8 minutes.
REMIND_SECONDS = 10.0

log = logging.getLogger("stagewire.local.health")


@dataclass(frozen=True, kw_only=True)
class Health:
    """Pings containers; a container is healthy while `GET /ping` answers 200 within 2 s."""

    client: Client
    limits: Limits

    async def ready(
        self, address: Address, *, driver: Driver, name: str, seconds: float | None = None
    ) -> str | None:
        """Wait until the container passes a ping; return None then, else what went wrong.

        It has `seconds` for that, or as long as any container.
        """
        window = self.limits.start_seconds if seconds is None else seconds
        death = asyncio.create_task(driver.died(address))
        loop = asyncio.get_running_loop()
        began = reminded = loop.time()
        try:
            while (status := await self._ping(address)) != HTTPStatus.OK:
                answer = "does not answer" if status is None else f"answers {status}"
                if loop.time() - began > window:
                    return f"/ping {answer} {window:g} s after the start"
                if loop.time() - reminded > REMIND_SECONDS:
                    reminded = loop.time()
                    log.warning("%s is not ready: /ping %s", name, answer)
                await asyncio.wait([death], timeout=POLL_SECONDS)
                if death.done():
                    return await death
            return None
        finally:
            death.cancel()

    async def lost(self, address: Address, *, driver: Driver) -> str:
        """Wait until the container ends or misses several pings in a row; return which."""
        death = asyncio.create_task(driver.died(address))
        misses = 0
        try:
            while misses < self.limits.watch_misses:
                await asyncio.wait([death], timeout=self.limits.watch_seconds)
                if death.done():
                    return await death
                misses = 0 if await self._ping(address) == HTTPStatus.OK else misses + 1
            return f"failed /ping {misses} times in a row"
        finally:
            death.cancel()

    async def _ping(self, address: Address) -> int | None:
        return await self.client.ping(address, seconds=self.limits.ping_seconds)
