"""The containers of one instance in an engine: they share a network, and they end together."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from docker.models.containers import Container

from stagewire_local.docker_container import TakenError, running, stop
from stagewire_local.docker_engine import FLAWS, explained, removed
from stagewire_local.docker_watch import Watch
from stagewire_local.driver import Address, StartError
from stagewire_local.ports import NoPortsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from docker.models.volumes import Volume

    from stagewire_local.docker_container import Factory
    from stagewire_local.driver import ContainerSpec
    from stagewire_local.limits import Limits
    from stagewire_local.ports import Block, Ports

# An engine reports an end within milliseconds; if it does not, the container is removed all the same.
TOLD_SECONDS = 5
TRIES = 3  # for ports that somebody took between our look and the engine's bind
P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger("stagewire.local.docker")


class Instance:
    """Made for the first container that starts; the others join the network that one owns.

    When one ends, all are stopped: without its owner the network is dead, and an instance that
    lacks a container answers nothing anyway. An instance that has ended takes nobody in.
    """

    def __init__(
        self, name: str, *, factory: Factory, threads: Executor, ports: Ports, limits: Limits
    ) -> None:
        self.name = name
        self._factory = factory
        self._threads = threads
        self._ports = ports
        self._limits = limits
        self._blocks: list[Block] = []
        self._guests: set[str] = set()
        self._owner: asyncio.Future[Container | None] | None = None
        self._made: list[Container | Volume] = []
        self._watches: dict[str, Watch] = {}
        self._lost: tuple[str, str] | None = None
        self._ending: asyncio.Task[None] | None = None

    @property
    def over(self) -> bool:
        """Whether all of it is stopped and removed."""
        return self._ending is not None and self._ending.done()

    def takes(self, hostname: str) -> bool:
        """Tell whether a container can still join."""
        return self._ending is None and hostname not in self._guests

    async def join(self, spec: ContainerSpec) -> Address:
        """Start a container here; not to be cancelled. Raises StartError, and the instance ends."""
        self._guests.add(spec.hostname)
        first = self._owner is None
        owner = self._owner = self._owner or asyncio.get_running_loop().create_future()
        try:
            container = await self._open(spec, first=first)
        except BaseException as error:
            if not owner.done():
                owner.set_result(None)
            await self.leave(spec.hostname, why=f"did not start: {error}")
            await self._clear()
            raise
        self._watches[spec.hostname] = watch = Watch(
            container, name=f"{spec.instance}/{spec.hostname}"
        )
        watch.then(partial(self._lose, spec.hostname))
        if not owner.done():
            owner.set_result(container)
        return Address("127.0.0.1", self._block(spec).bind)

    async def leave(self, hostname: str, *, why: str = "was stopped") -> None:
        """End the instance; the last container that leaves gives the ports back."""
        self._lose(hostname, why)
        try:
            await asyncio.shield(self.end())
        finally:
            self._guests.discard(hostname)
            if not self._guests:
                self._release()

    def end(self) -> asyncio.Task[None]:
        """Stop and remove all of its containers and volumes, once."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end())
        return self._ending

    def watch(self, hostname: str) -> Watch:
        """Return what is known of a container that has joined."""
        return self._watches[hostname]

    async def died(self, hostname: str) -> str:
        """Wait until a container ends; say how, or because of which other one."""
        how = await self._watches[hostname].ended()
        return how if self._lost is None or self._lost[0] == hostname else self._why()

    def _why(self) -> str:
        hostname, how = self._lost or ("it", "ended")
        return f"was stopped with its instance: {hostname} {how}"

    def _lose(self, hostname: str, how: str) -> None:
        """Remember who was the first to end, and end the others."""
        self._lost = self._lost or (hostname, how)
        self.end()

    async def _open(self, spec: ContainerSpec, *, first: bool) -> Container:
        """Make a container and all it needs. Raises StartError; what was made is kept in mind."""
        image = await self._do(self._factory.image, spec)
        volume = await self._do(self._factory.model, spec, image=image)
        if volume is not None:
            self._made.append(volume)
        begin = self._found if first else self._follow
        container = await begin(spec, image=image, volume=volume)
        self._made.append(container)
        if self._ending is not None:
            raise StartError(self._why())
        return container

    async def _found(self, spec: ContainerSpec, *, image: str, volume: Volume | None) -> Container:
        """Start the container that owns the network, on ports that are free."""
        for _ in range(TRIES - 1):
            try:
                return await self._begin(spec, image=image, volume=volume, owner=None)
            except TakenError as error:
                log.warning("%s; trying others", error)
        return await self._begin(spec, image=image, volume=volume, owner=None)

    async def _follow(self, spec: ContainerSpec, *, image: str, volume: Volume | None) -> Container:
        """Start a container in the network of the first one."""
        owner = await asyncio.shield(self._owner) if self._owner else None
        if owner is None:
            raise StartError(self._why())
        try:
            return await self._begin(spec, image=image, volume=volume, owner=owner)
        except StartError as error:
            # The engine's words for an owner that has ended meanwhile tell nobody anything; the
            # end itself does, and is known here a moment later.
            if not await self._do(running, owner):
                await next(iter(self._watches.values())).ended()
            raise StartError(self._why() if self._lost else str(error)) from error

    async def _begin(
        self, spec: ContainerSpec, *, image: str, volume: Volume | None, owner: Container | None
    ) -> Container:
        if owner is None:
            self._take(len(spec.siblings) or 1)
        return await self._do(
            self._factory.start, spec, image=image, volume=volume, blocks=self._blocks, owner=owner
        )

    async def _end(self) -> None:
        containers = [each for each in self._made if isinstance(each, Container)]
        await asyncio.gather(*(self._stop(each) for each in containers))
        await self._told()
        await self._clear()

    async def _told(self) -> None:
        """Let those who follow the containers read their last lines and how they ended."""
        ends = [asyncio.create_task(each.ended()) for each in self._watches.values()]
        if ends:
            _, late = await asyncio.wait(ends, timeout=TOLD_SECONDS)
            for task in late:
                task.cancel()

    async def _stop(self, container: Container) -> None:
        try:
            await self._do(stop, container, seconds=self._limits.stop_seconds)
        except FLAWS as error:
            log.warning("container %s cannot be stopped: %s", container.name, explained(error))

    async def _clear(self) -> None:
        """Remove what was made, the volumes last: one in use cannot be removed."""
        made, self._made = self._made, []
        for each in sorted(made, key=lambda one: not isinstance(one, Container)):
            try:
                await self._do(removed, each)
            except FLAWS as error:
                log.warning("%s is left in the engine: %s", each.id, explained(error))

    def _block(self, spec: ContainerSpec) -> Block:
        return self._blocks[spec.siblings.index(spec.hostname) if spec.siblings else 0]

    def _take(self, number: int) -> None:
        self._release()
        try:
            # One by one, so that those which were had are given back.
            for _ in range(number):
                self._blocks.append(self._ports.take())
        except NoPortsError as error:
            raise StartError(str(error)) from error

    def _release(self) -> None:
        for block in self._blocks:
            self._ports.release(block)
        self._blocks = []

    async def _do(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call what blocks in a thread."""
        work = partial(call, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
