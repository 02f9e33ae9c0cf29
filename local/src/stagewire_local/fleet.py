"""One driver in front of several: it fetches the model data, and chooses which one runs an image."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagewire_local.driver import Address, ContainerSpec, Driver
    from stagewire_local.source import Source

FIXED = "http://"  # an image that is a URL runs somewhere already


class Fleet:
    """Images that are URLs go to `fixed`, all others to `own`."""

    def __init__(self, own: Driver, *, fixed: Driver, source: Source) -> None:
        self._own = own
        self._fixed = fixed
        self._source = source
        self._drivers: dict[Address, Driver] = {}

    async def start(self, spec: ContainerSpec) -> Address:
        """Fetch the model and start the container. Raises StartError."""
        if spec.model_url is None:
            return await self._start(spec)
        async with self._source.held(spec.model_url, form=spec.model_form) as found:
            return await self._start(replace(spec, model_data=found))

    async def stop(self, address: Address) -> None:
        """Stop a container; unknown ones are ignored."""
        driver = self._drivers.pop(address, None)
        if driver is not None:
            await driver.stop(address)

    async def died(self, address: Address) -> str:
        """Wait until the container ends by itself, and say how."""
        return await self._drivers[address].died(address)

    def alive(self, address: Address) -> bool:
        """Tell whether the container still runs."""
        return address in self._drivers and self._drivers[address].alive(address)

    def logs(self, address: Address) -> Sequence[str]:
        """Return the last lines that the container wrote, oldest first."""
        return self._drivers[address].logs(address) if address in self._drivers else ()

    async def close(self) -> None:
        """Stop every container."""
        await asyncio.gather(self._own.close(), self._fixed.close())

    async def _start(self, spec: ContainerSpec) -> Address:
        driver = self._fixed if spec.image.startswith(FIXED) else self._own
        address = await driver.start(spec)
        self._drivers[address] = driver
        return address
