"""Runs the door: one event loop with the runtime's server and the supervisor of its containers."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import uvicorn

from stagewire_local import archive, docker_setup, serving
from stagewire_local.chain import HopAccept
from stagewire_local.client import Client
from stagewire_local.clients import Clients
from stagewire_local.driver import Address
from stagewire_local.limits import Limits
from stagewire_local.parts import parts
from stagewire_local.ports import Ports
from stagewire_local.process import ProcessDriver
from stagewire_local.protocol import Protocol
from stagewire_local.pushed import Pushed
from stagewire_local.registry import State
from stagewire_local.sessions import now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from stagewire_local.box import Box
    from stagewire_local.bundle import Bundle
    from stagewire_local.driver import Driver
    from stagewire_local.host import Host
    from stagewire_local.registry import Endpoint, Registry

# Requests in flight get as long as the platform gives a container to stop.
DRAIN_SECONDS = 30

log = logging.getLogger("stagewire.local.door")


class PortTakenError(Exception):
    """Something listens on the door's port already."""


@dataclass(frozen=True, kw_only=True)
class Door:
    """What a door serves and by which rules; `root` is a folder of its own."""

    bundles: Sequence[Bundle]
    root: Path
    environ: Mapping[str, str]
    limits: Limits = field(default_factory=Limits)
    hop_accept: HopAccept = HopAccept.ABSENT
    region: str = "us-east-1"
    modules: Mapping[str, str] | None = None
    driver: str = "process"  # of all images that are no URL: "process" or "docker"
    ports: Ports = field(default_factory=lambda: Ports(begin=os.getpid()))
    clock: Callable[[], datetime] = now  # what the age of asynchronous requests is told by

    def run(self, listener: socket.socket, *, ready: Callable[[Sequence[Endpoint]], None]) -> bool:
        """Serve on a listening socket until SIGINT or SIGTERM; False if an endpoint Failed.

        `ready` is called once, when every endpoint is InService. Raises EngineError.
        """
        # uvicorn takes the signals once it serves, stops, and sends them to the handlers it found: to
        # ours, which only remember, for the containers are still to be stopped and the exit code is
        # to be 0.
        told: list[int] = []
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: told.append(number))
        archive.remove(self.root)  # what a door that was killed left behind
        try:
            with asyncio.Runner(loop_factory=config(None).get_loop_factory()) as runner:
                return runner.run(self.serve(listener, ready=ready, told=told))
        finally:
            archive.remove(self.root)

    async def serve(
        self,
        listener: socket.socket,
        *,
        ready: Callable[[Sequence[Endpoint]], None],
        told: Sequence[int] = (),
    ) -> bool:
        """Do what `run` does in a loop that runs already, until cancelled or signalled.

        `told` has the signals that came before the server took them.
        """
        clients = Clients(reached(listener), region=self.region)
        own = await asyncio.to_thread(self._own, listener.getsockname()[1], clients)
        async with Client() as client:
            made = parts(self, client=client, clients=clients, driver=own)
            server = uvicorn.Server(config(made.box))
            running = asyncio.create_task(server.serve(sockets=[listener]))
            try:
                await asyncio.sleep(0)  # from its first step on, the server has the signals
                if told:  # else one that it has had since is not to be undone
                    server.should_exit = True
                for bundle in self.bundles:
                    await serving.serve(made.actions, bundle)
                names = [bundle.name for bundle in self.bundles]
                good = await settle(made.host, made.registry, names=names, serving=running)
                if good:
                    if not running.done():
                        ready([each for each in made.registry.all() if each.name in names])
                    # Unlike awaiting it, waiting for a task does not cancel it along with us.
                    await asyncio.wait([running])
                return good
            finally:
                server.should_exit = True
                await asyncio.wait([running])
                await made.close()

    def _own(self, port: int, clients: Clients) -> Driver:
        """Make the driver of all images that are no URL. Raises EngineError."""
        if self.driver == "docker":
            return docker_setup.opened(
                self.environ,
                door=f"door-{port}",
                ports=self.ports,
                limits=self.limits,
                pushed=Pushed(clients),
            )
        return ProcessDriver(
            self.root,
            ports=self.ports,
            environ=self.environ,
            modules=self.modules,
            limits=self.limits,
        )


async def settle(
    host: Host, registry: Registry, *, names: Sequence[str], serving: asyncio.Task[None]
) -> bool:
    """Wait until none of these is Creating; False, with the reasons logged, if one Failed.

    Others may come from any caller meanwhile, and are that caller's to look after.
    """
    settled = asyncio.create_task(host.all_settled(names))
    # A signal may end the server while a container is still on its way up.
    await asyncio.wait([settled, serving], return_when=asyncio.FIRST_COMPLETED)
    settled.cancel()
    own = [each for each in registry.all() if each.name in names]
    failed = [each for each in own if each.state is State.FAILED]
    for endpoint in failed:
        for container in endpoint.containers():
            for line in container.last_lines:
                log.error("%s/%s | %s", endpoint.name, container.spec.hostname, line)
    return not failed


def listen(host: str, port: int) -> socket.socket:
    """Open the door's socket before anything is started. Raises PortTakenError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only for sockets that name their protocol; with it an
    # answer in two writes waits 40 ms for the other side's delayed ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)  # uvicorn's own backlog
    except OSError as error:
        listener.close()
        raise PortTakenError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener


def reached(listener: socket.socket) -> str:
    """Return the URL at which the box's own parts reach a listening socket."""
    return Address.near(*listener.getsockname()[:2]).url


def config(app: Box | None) -> uvicorn.Config:
    """Configure the server: no log of its own, no headers that the platform does not send."""
    return uvicorn.Config(
        app or "",
        interface="asgi3",
        loop="uvloop",
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
