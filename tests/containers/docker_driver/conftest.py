"""Real images in a real engine, built once a run, and all that the tests made removed at its end."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from stagewire_local.client import Client
from stagewire_local.docker_engine import sweep
from stagewire_local.docker_setup import opened
from stagewire_local.driver import ContainerSpec
from stagewire_local.health import Health
from stagewire_local.image import BIND_TO_PORT
from stagewire_local.limits import Limits
from stagewire_local.ports import Ports

IMAGES = Path(__file__).parent / "images"
# The process's id: another run of these tests in the same engine is left alone.
DOOR = f"test-{os.getpid()}"
PREFIX = f"stagewire-{DOOR}"
LIMITS = Limits(start_seconds=60, stop_seconds=5)


@pytest.fixture(scope="session")
def engine(engine):
    """The engine; what doors of these tests left in it is removed at the end."""
    yield engine
    sweep(engine, door=DOOR)


@pytest.fixture(scope="session")
def build(engine):
    """Give a function that builds one of the images here, and remove them at the end."""
    made = []

    def build(name, folder, **labels):
        tag = f"{PREFIX}/{name}"
        engine.images.build(path=str(IMAGES / folder), tag=tag, labels=labels, rm=True)
        made.append(tag)
        return tag

    yield build
    for tag in made:
        engine.images.remove(tag, force=True)


@pytest.fixture(scope="session")
def plain(build):
    """Name the plain-socket image, which takes its port from the environment and says so."""
    return build("socket", "socket", **{BIND_TO_PORT: "true"})


@pytest.fixture(scope="session")
def unlabelled(build):
    """Name the same image without the label."""
    return build("unlabelled", "socket")


@pytest.fixture(scope="session")
def classic(build):
    """Name the image of nginx, gunicorn and Flask."""
    return build("nginx", "nginx")


@pytest.fixture
def pair(plain):
    """Give the specs of an instance of two plain containers."""
    return specs(plain, plain)


@pytest.fixture
def model(tmp_path, packed):
    """Give a function that writes a model archive from names and contents."""

    def write(**files):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.tar.gz"
        path.write_bytes(packed({name.replace("__", "/"): files[name] for name in files}))
        return path

    return write


@pytest.fixture
async def client():
    """Give the door's own HTTP client."""
    async with Client() as client:
        yield client


@pytest.fixture
def health(client):
    """Give what waits for pings."""
    return Health(client=client, limits=LIMITS)


@pytest.fixture
async def drivers(engine):
    """Give a function that makes a driver in this engine, and close them all at the end."""
    made = []

    def start(**rules):
        given = {"door": DOOR, "ports": Ports(begin=os.getpid()), "limits": LIMITS, **rules}
        made.append(opened(os.environ, **given))
        return made[-1]

    yield start
    for driver in made:
        await driver.close()


@pytest.fixture
def driver(drivers):
    """Give a driver in this engine, closed at the end."""
    return drivers()


@pytest.fixture
def left(engine):
    """Give a function that lists what stands in the engine of these tests."""

    def names(door=DOOR):
        chosen = {"label": f"stagewire.local.door={door}"}
        containers = engine.containers.list(all=True, filters=chosen, ignore_removed=True)
        return [each.name for each in containers + engine.volumes.list(filters=chosen)]

    return names


def specs(*each, instance="pipe-1", **rules):
    """Make the specs of one instance from images, or from images with their models."""
    pairs = [one if isinstance(one, tuple) else (one, None) for one in each]
    hosts = tuple(f"container-{place}" for place in range(1, len(pairs) + 1))
    made = [
        ContainerSpec(hostname=host, image=image, model_data=path, instance=instance, **rules)
        for host, (image, path) in zip(hosts, pairs, strict=True)
    ]
    return [replace(spec, siblings=hosts) for spec in made]


@pytest.fixture
def pipe():
    """Give the function that makes specs."""
    return specs


@pytest.fixture
def up(driver, health):
    """Give a function that starts containers and waits until they are healthy."""

    async def start(*each, by=driver):
        addresses = [await by.start(spec) for spec in each]
        for spec, address in zip(each, addresses, strict=True):
            assert await health.ready(address, driver=by, name=spec.hostname) is None
        return addresses

    return start


@pytest.fixture
def ask(client):
    """Give a function that sends a body to a container and returns its answer as text."""

    async def post(address, body=b"x", **headers):
        lines = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await client.post(
            address, "/invocations", body, headers=lines, seconds=30, limit=2**20
        )
        return answer.body.decode()

    return post
