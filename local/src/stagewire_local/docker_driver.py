"""The driver `docker`: containers of any image that keeps the contract, in a Docker Engine."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from stagewire_local.docker_container import Factory
from stagewire_local.docker_engine import FLAWS, capacity, explained, sweep
from stagewire_local.docker_instance import Instance
from stagewire_local.driver import StartError
from stagewire_local.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stagewire_local.docker_engine import Engine
    from stagewire_local.driver import Address, ContainerSpec
    from stagewire_local.ports import Ports

# Calls to the engine at a time. A stop blocks for up to 30 s, and the largest pipeline has 15.
THREADS = 32


class DockerDriver:
    """Runs `IMAGE serve`; the containers of an instance share one network, and end together.

    `docker_setup.opened` makes one. Nobody else may use the engine under the same door's name, for
    what an earlier door of the name left behind is removed before the first start. `pushed` maps
    image names to local ones. All containers of an instance are to have the same `siblings`.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        ports: Ports,
        limits: Limits | None = None,
        pushed: Mapping[str, str] | None = None,
    ) -> None:
        self._engine = engine
        self._ports = ports
        self._limits = limits or Limits()
        self._pushed = pushed if pushed is not None else {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="docker")
        self._factory: asyncio.Task[Factory] | None = None
        self._instances: list[Instance] = []
        self._places: dict[Address, tuple[Instance, str]] = {}

    async def start(self, spec: ContainerSpec) -> Address:
        """Bring the model into a volume and start the container. Raises StartError."""
        work = asyncio.create_task(self._start(spec))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            # A thread cannot be cancelled, and what it makes must not be left.
            await asyncio.wait([work])
            if work.exception() is None:
                await self.stop(work.result())
            raise

    async def stop(self, address: Address) -> None:
        """SIGTERM, SIGKILL after the platform's 30 s, for all of the instance; then remove it."""
        place = self._places.pop(address, None)
        if place is not None:
            instance, hostname = place
            await instance.leave(hostname)

    async def died(self, address: Address) -> str:
        """Wait for the container to end, and name its exit code, its signal or its instance."""
        instance, hostname = self._places[address]
        return await instance.died(hostname)

    def alive(self, address: Address) -> bool:
        """Tell whether the container runs."""
        place = self._places.get(address)
        return place is not None and place[0].watch(place[1]).alive

    def logs(self, address: Address) -> Sequence[str]:
        """Return the last lines of a container; of an unknown one none."""
        place = self._places.get(address)
        return tuple(place[0].watch(place[1]).tail.lines) if place else ()

    async def close(self) -> None:
        """Stop all at once, and let go of the engine."""
        await asyncio.gather(*(self.stop(address) for address in list(self._places)))
        # Of those whose stop was cancelled the end still runs.
        await asyncio.gather(*(instance.end() for instance in self._instances))
        self._threads.shutdown()
        await asyncio.to_thread(self._engine.close)

    async def _start(self, spec: ContainerSpec) -> Address:
        self._factory = self._factory or asyncio.create_task(self._opened())
        try:
            factory = await asyncio.shield(self._factory)
        except FLAWS as error:
            self._factory = None
            raise StartError(f"the Docker Engine does not answer: {explained(error)}") from error
        instance = self._instance(spec, factory=factory)
        address = await instance.join(spec)
        self._places[address] = instance, spec.hostname
        return address

    def _instance(self, spec: ContainerSpec, *, factory: Factory) -> Instance:
        """Find the instance that a container can join, or make it: one that ended is not used."""
        self._instances = [each for each in self._instances if not each.over]
        for each in self._instances:
            if each.name == spec.instance and each.takes(spec.hostname):
                return each
        made = Instance(
            spec.instance,
            factory=factory,
            threads=self._threads,
            ports=self._ports,
            limits=self._limits,
        )
        self._instances.append(made)
        return made

    async def _opened(self) -> Factory:
        """Remove what a door that was killed left behind, and see how large the machine is."""
        client, door = self._engine.client, self._engine.door
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, lambda: sweep(client, door=door))
        host = await loop.run_in_executor(self._threads, capacity, client)
        return Factory(client=client, door=door, host=host, pushed=self._pushed)
