"""Endpoints of any configuration behind a real server, with a store and topics in memory."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
import uvicorn

from stagewire_local.async_inference import Inference
from stagewire_local.async_queue import Queues
from stagewire_local.chain import Chain
from stagewire_local.client import Client
from stagewire_local.door import listen
from stagewire_local.driver import ContainerSpec
from stagewire_local.fixed import FixedDriver
from stagewire_local.health import Health
from stagewire_local.host import Host
from stagewire_local.limits import Limits
from stagewire_local.plan import Plan
from stagewire_local.registry import Registry
from stagewire_local.runtime import Runtime
from stagewire_local.serverless import Serverless
from stagewire_local.storage import ObjectError, TopicError

OUTPUT = {"S3OutputPath": "s3://bucket/out", "S3FailurePath": "s3://bucket/failed/"}
TOPICS = {
    "SuccessTopic": "arn:aws:sns:us-east-1:123456789012:good",
    "ErrorTopic": "arn:aws:sns:us-east-1:123456789012:bad",
}


@dataclass
class Store:
    """A store of objects and topics: what it has is what a test reads."""

    objects: dict = field(default_factory=dict)
    types: dict = field(default_factory=dict)
    messages: list = field(default_factory=list)
    broken: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)

    async def get(self, location, *, limit):
        """Read an object."""
        if location not in self.objects:
            message = f"{location} does not exist"
            raise ObjectError(message)
        if len(self.objects[location]) > limit:
            message = f"{location} is larger than {limit} bytes"
            raise ObjectError(message)
        return self.objects[location]

    async def put(self, location, body, *, content_type):
        """Write an object."""
        if self.broken:
            message = f"{location} cannot be written"
            raise ObjectError(message)
        with self.changed:
            self.objects[location], self.types[location] = body, content_type
            self.changed.notify_all()

    async def publish(self, arn, message):
        """Send a message."""
        if self.broken and arn.endswith("good"):
            message = f"{arn} takes no message"
            raise TopicError(message)
        with self.changed:
            self.messages.append((arn.rpartition(":")[2], json.loads(message)))
            self.changed.notify_all()

    def wait(self, condition):
        """Wait until something holds, and return it."""
        with self.changed:
            found = self.changed.wait_for(condition, timeout=30)
        assert found
        return found

    def message(self, count=1):
        """Wait for that many messages and return the last: its topic and content."""
        self.wait(lambda: len(self.messages) >= count)
        return self.messages[count - 1]


@dataclass
class Clock:
    """A clock that a test puts forward."""

    moment: datetime = datetime(2022, 1, 25, 22, 46, 0, 608000, tzinfo=UTC)

    def __call__(self):
        """Tell the time."""
        return self.moment

    def forward(self, seconds):
        """Let time pass."""
        self.moment += timedelta(seconds=seconds)


@dataclass
class Box:
    """What a test sees of a running machine."""

    url: str
    registry: Registry


@contextmanager
def running(plans, *, driver, limits, settings, store, clock):  # noqa: PLR0913 (its parts)
    """Serve the endpoint `pipe` of these plans, from when it is InService."""
    listener = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    registry, ready = Registry(), threading.Event()
    found = {}

    async def main():
        async with Client() as client:
            host = Host(registry, health=Health(client=client, limits=limits), limits=limits)
            chain = Chain(client=client, limits=limits)
            inference = Inference(chain=chain, objects=store, topics=store, clock=clock)
            runtime = Runtime(
                registry,
                chain=chain,
                queues=Queues(inference),
                serverless=Serverless(host, limits=limits),
            )
            server = uvicorn.Server(
                uvicorn.Config(
                    runtime, interface="asgi3", lifespan="off", ws="none", log_config=None
                )
            )
            found["server"] = server
            host.open("pipe", plans, driver=driver, settings=settings)
            await host.all_settled()
            ready.set()
            await server.serve(sockets=[listener])
            await runtime.close()
            await host.close()
            await driver.close()

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    ready.wait(30)
    try:
        yield Box(url, registry)
    finally:
        found["server"].should_exit = True
        thread.join()


@pytest.fixture
def clock():
    """Give a clock that stands still."""
    return Clock()


@pytest.fixture
def store():
    """Give an empty store."""
    return Store()


@pytest.fixture
def box(store, clock):
    """Give a function that serves the endpoint `pipe`."""
    with ExitStack() as stack:

        def start(*plans, driver=None, limits=None, settings=None):
            return stack.enter_context(
                running(
                    plans,
                    driver=driver or FixedDriver(),
                    limits=limits or Limits(start_seconds=20),
                    settings=settings,
                    store=store,
                    clock=clock,
                )
            )

        yield start


@pytest.fixture
def plan(stubs):
    """Give a function that plans a variant of stub containers that run already."""

    def make(*each, **fields):
        names = ["primary"] if len(each) == 1 else [f"container-{n + 1}" for n in range(len(each))]
        specs = [
            ContainerSpec(hostname=name, image=stub.url)
            for name, stub in zip(names, stubs(*each), strict=True)
        ]
        return Plan(specs=specs, **fields)

    return make


@pytest.fixture
def asynchronous(box, plan):
    """Give a function that serves stubs as an asynchronous endpoint."""

    def start(*each, count=1, concurrency=None, limits=None, include=(), output=OUTPUT):
        told = {**TOPICS, "IncludeInferenceResponseIn": list(include)}
        config = {"OutputConfig": {**output, "NotificationConfig": told}}
        if concurrency is not None:
            config["ClientConfig"] = {"MaxConcurrentInvocationsPerInstance": concurrency}
        settings = {"AsyncInferenceConfig": config}
        return box(plan(*each, count=count), settings=settings, limits=limits)

    return start


@pytest.fixture(params=["legacy", "standard"])
def runtime(request, clients):
    """Give a function that makes a sagemaker-runtime client for a URL, in each retry mode."""

    def make(url, attempts=1):
        retries = {"mode": request.param, "total_max_attempts": attempts}
        given = {"retries": retries, "read_timeout": 30, "max_pool_connections": 20}
        return clients(url, "sagemaker-runtime", **given)

    return make
