"""Makes the parts of a door, and hands each part the others that it needs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stagewire_local.actions import Actions
from stagewire_local.async_inference import Inference
from stagewire_local.async_queue import Queues
from stagewire_local.aws import S3Objects, SnsTopics
from stagewire_local.box import Box
from stagewire_local.catalog import Catalog
from stagewire_local.chain import Chain
from stagewire_local.cloud import Cloud
from stagewire_local.cloud_logs import CloudLogs
from stagewire_local.control import ControlPlane
from stagewire_local.fixed import FixedDriver
from stagewire_local.fleet import Fleet
from stagewire_local.health import Health
from stagewire_local.host import Host
from stagewire_local.logs import Logs
from stagewire_local.metrics import Metrics
from stagewire_local.monitoring import Monitoring
from stagewire_local.registry import Registry
from stagewire_local.runtime import Runtime
from stagewire_local.serverless import Serverless
from stagewire_local.sessions import now
from stagewire_local.source import Source

if TYPE_CHECKING:
    from stagewire_local.client import Client
    from stagewire_local.clients import Clients
    from stagewire_local.door import Door
    from stagewire_local.driver import Driver


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What serves (`box`), what a start needs (`actions`, `host`, `registry`), and all that ends."""

    box: Box
    actions: Actions
    host: Host
    registry: Registry
    runtime: Runtime
    fleet: Fleet
    clients: Clients
    cloud: CloudLogs

    async def close(self) -> None:
        """End background work first, then the containers, then the clients and logs that they used."""
        await self.runtime.close()
        await self.host.close()
        await self.fleet.close()
        self.clients.close()
        self.cloud.close()


def parts(door: Door, *, client: Client, clients: Clients, driver: Driver) -> Parts:
    """Make the parts of a door; `driver` runs all images that are no URL."""
    registry, metrics = Registry(), Metrics(clock=now)
    chain = Chain(client=client, limits=door.limits, hop_accept=door.hop_accept)
    queues = queued(door, chain, clients=clients, metrics=metrics)
    health = Health(client=client, limits=door.limits)
    host = Host(registry, health=health, limits=door.limits, told=queues.greet)
    source = Source(door.root / "data", clients=clients)
    fleet = Fleet(driver, fixed=FixedDriver(), source=source)
    catalog = Catalog(region=door.region)
    actions = Actions(catalog, registry=registry, host=host, driver=fleet, source=source)
    runtime = Runtime(
        registry,
        chain=chain,
        region=door.region,
        about={"pid": os.getpid(), "region": door.region},
        queues=queues,
        serverless=Serverless(host, limits=door.limits),
        metrics=metrics,
    )
    cloud = CloudLogs(Cloud(), registry, region=door.region)
    monitored = Monitoring(cloud, metrics=metrics, queues=queues, clients=clients)
    control = ControlPlane(actions)
    return Parts(
        box=Box(runtime=runtime, control=control, cloud=monitored, logs=Logs(registry)),
        actions=actions,
        host=host,
        registry=registry,
        runtime=runtime,
        fleet=fleet,
        clients=clients,
        cloud=cloud,
    )


def queued(door: Door, chain: Chain, *, clients: Clients, metrics: Metrics) -> Queues:
    """Make the queues of asynchronous endpoints, which read and write the door's own S3 and SNS."""
    inference = Inference(
        chain=chain,
        objects=S3Objects(clients),
        topics=SnsTopics(clients),
        clock=door.clock,
    )
    return Queues(inference, region=door.region, metrics=metrics)
