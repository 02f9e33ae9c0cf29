"""The driver `docker` in a real engine, with images that know nothing of this project."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import socket
import sys
from dataclasses import replace
from functools import partial

import pytest

from stagewire_local.chain import Chain, Hop, Invocation
from stagewire_local.client import Client, LostError
from stagewire_local.docker_engine import sweep
from stagewire_local.docker_setup import opened
from stagewire_local.driver import ContainerSpec, EngineError, StartError
from stagewire_local.errors import Origin
from stagewire_local.health import Health
from stagewire_local.host import Host
from stagewire_local.limits import Limits
from stagewire_local.ports import Ports, is_free
from stagewire_local.registry import Registry, State

pytestmark = [pytest.mark.containers, pytest.mark.anyio]
# For containers that are stopped before they listen to SIGTERM, or that never do.
HASTY = Limits(stop_seconds=1)
ORIGIN = Origin(endpoint="pipe")


def hops(specs, addresses):
    """Make the hops of a chain."""
    return [
        Hop(hostname=spec.hostname, address=address)
        for spec, address in zip(specs, addresses, strict=True)
    ]


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
async def test_an_engine_that_is_not_there_is_named_with_a_way_on(tmp_path):
    """The message says where it was looked for."""
    with pytest.raises(EngineError, match=r"nowhere.*process"):
        opened({"DOCKER_HOST": f"unix://{tmp_path}/nowhere"}, door="none", ports=Ports())
    gc.collect()  # The SDK leaves the socket that it could not connect; its warning ends here.


async def test_without_the_sdk_the_extra_is_named(tmp_path):
    """A room installed without it still says how to get it."""
    (tmp_path / "docker.py").write_text("raise ModuleNotFoundError(name='docker')")
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from stagewire_local.docker_setup import opened\n"
        "from stagewire_local.ports import Ports\n"
        "opened({}, door='none', ports=Ports())"
    )

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()

    assert b"needs the Python package 'docker'; install stagewire-local[docker]" in errors


async def test_an_image_that_is_not_there_is_refused(driver, left):
    """With the names it was looked for; nothing is pulled, nothing is left."""
    uri = "123456789012.dkr.ecr.us-east-1.amazonaws.com/no/such:1"

    with pytest.raises(StartError, match=r"looked for .*, no/such:1\)"):
        await driver.start(ContainerSpec(hostname="primary", image=uri))
    assert left() == []


async def test_several_containers_need_the_label_in_the_platforms_words(driver, pipe, unlabelled):
    """Such an image would bind 8080 whatever it is told."""
    first, _ = pipe(unlabelled, unlabelled)

    with pytest.raises(StartError) as refused:
        await driver.start(first)
    assert str(refused.value) == (
        f"Your Ecr Image {unlabelled} does not contain required "
        "com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true Docker label(s)."
    )


@pytest.mark.parametrize("image", ["unlabelled", "classic"])
async def test_a_container_alone_serves_on_8080(up, ask, model, image, request):
    """Label or not: the platform tells a port only to containers in company."""
    path = model(**{"factor.json": b"2"})
    spec = ContainerSpec(hostname="primary", image=request.getfixturevalue(image), model_data=path)

    [address] = await up(spec)

    assert address.host == "127.0.0.1"
    assert (await ask(address, b"21\n", Content_Type="text/csv")) in {"21.0\n", "42.0\n"}


async def test_a_container_sees_what_the_platform_gives_it(up, ask, pipe, plain, model):
    """Command, ports, environment; a model that is read-only even for root."""
    path = model(**{"a.txt": b"1", "code__inference.py": b"2"})
    one, two = pipe((plain, path), plain, environment={"KEY": "value"})

    first, second = await up(one, two)
    seen, other = json.loads(await ask(first)), json.loads(await ask(second))

    environment = seen["environment"]
    assert seen["program"].endswith("/serve")
    assert environment["KEY"] == "value"
    assert environment["SAGEMAKER_BIND_TO_PORT"] == str(first.port)
    assert environment["SAGEMAKER_SAFE_PORT_RANGE"] == f"{first.port + 1}-{first.port + 9}"
    assert other["environment"]["SAGEMAKER_BIND_TO_PORT"] == str(second.port) != str(first.port)
    assert seen["model"] == ["a.txt 444", "code 755", "code/inference.py 444"]
    assert seen["writable"] is False
    assert seen["hostname"] == other["hostname"] == "container-1"


async def test_a_port_that_somebody_took_meanwhile_is_not_the_end(drivers, plain, up):
    """The engine refuses it, and the container gets others."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        # Looking at another address of this machine, it finds the port free.
        driver = drivers(ports=Ports(port, port + 19, free=partial(is_free, host="127.0.0.2")))
        [address] = await up(ContainerSpec(hostname="primary", image=plain), by=driver)

    assert address.port == port + 10


async def test_published_ports_listen_on_this_machine_only(up, pipe, plain, engine):
    """Nothing is bound beyond 127.0.0.1."""
    await up(*pipe(plain, plain))

    chosen = {"label": ["stagewire.local=true", "stagewire.local.container=container-1"]}
    [owner] = engine.containers.list(filters=chosen)
    bound = [each for ports in owner.ports.values() for each in ports]
    assert len(bound) == 2
    assert {each["HostIp"] for each in bound} == {"127.0.0.1"}


async def test_third_party_images_make_a_pipeline(up, client, pipe, classic, plain):
    """Nginx, gunicorn and Flask, then a plain socket, by the hop rules."""
    specs = pipe(classic, plain)
    addresses = await up(*specs)
    chain = Chain(client=client, limits=Limits())

    reply = await chain.invoke(
        Invocation(body=b"1,2\n3,4\n", content_type="text/csv", accept="text/csv"),
        hops=hops(specs, addresses),
        origin=ORIGIN,
    )

    # 10 x (1 + 2) and 10 x (3 + 4); Flask's "text/csv; charset=utf-8" is passed on as it is.
    assert (reply.body, reply.content_type) == (b"30.0\n70.0\n", "text/csv")


async def test_the_log_and_the_exit_code_of_an_image_that_exits_at_once(
    driver, health, plain, model
):
    """They are the reason of a failed endpoint."""
    spec = ContainerSpec(hostname="primary", image=plain, model_data=model(broken=b""))
    address = await driver.start(spec)

    trouble = await health.ready(address, driver=driver, name="primary")

    assert trouble == "exited with code 1"
    assert driver.logs(address) == ("the model is broken",)
    assert not driver.alive(address)


async def test_an_image_without_the_command_is_refused_in_the_engines_words(driver, left):
    """The platform runs `serve`; a bare Python image has no such program."""
    with pytest.raises(StartError, match="serve"):
        await driver.start(ContainerSpec(hostname="primary", image="python:3.13-slim"))
    assert left() == []


async def test_a_bad_archive_starts_nothing(driver, plain, model, left):
    """An entry that would leave the folder is refused by name."""
    spec = ContainerSpec(hostname="primary", image=plain, model_data=model(**{"..__x": b""}))

    with pytest.raises(StartError, match=r"'\.\./x' would leave the folder"):
        await driver.start(spec)
    assert left() == []


@pytest.mark.parametrize("dying", [0, 1])
async def test_the_death_of_any_container_ends_the_instance_which_can_start_anew(
    driver, up, ask, pair, dying
):
    """Of the one that owns the network or of the other; both say why."""
    specs = pair
    addresses = await up(*specs)
    killed, other = addresses[dying], addresses[1 - dying]

    with pytest.raises(LostError):
        await ask(killed, b"die")
    reasons = [await driver.died(killed), await driver.died(other)]
    for address in addresses:
        await driver.stop(address)
    again = await up(*specs)

    why = f"container-{dying + 1} exited with code 3"
    assert reasons == ["exited with code 3", f"was stopped with its instance: {why}"]
    assert [json.loads(await ask(address))["body"] for address in again] == ["x", "x"]


async def test_a_container_that_is_stopped_takes_its_instance_along(driver, up, pipe, plain, left):
    """An instance is replaced whole; another one is left alone."""
    first, second = await up(*pipe(plain, plain))
    [alone] = await up(*pipe(plain, instance="pipe-2"))

    await driver.stop(second)

    assert await driver.died(first) == "was stopped with its instance: container-2 was stopped"
    assert not driver.alive(first)
    assert driver.alive(alone)
    await driver.stop(first)
    await driver.stop(alone)
    assert left() == []


async def test_containers_that_start_together_are_one_instance(driver, health, pipe, plain):
    """As a host starts them: all at once."""
    specs = pipe(plain, plain, plain)

    addresses = await asyncio.gather(*map(driver.start, specs))
    troubles = [await health.ready(each, driver=driver, name="each") for each in addresses]

    assert troubles == [None, None, None]
    assert len({address.port for address in addresses}) == 3


async def test_a_sibling_of_a_container_that_cannot_start_says_so(driver, pipe, plain, left):
    """Whichever of them is first; nothing of the instance is left."""
    specs = pipe(plain, "no/such")

    results = await asyncio.gather(*map(driver.start, specs), return_exceptions=True)
    for result in results:
        if not isinstance(result, StartError):
            await driver.stop(result)

    assert isinstance(results[1], StartError)
    assert left() == []


async def test_a_sibling_of_a_container_that_exits_at_once_names_it(driver, pipe, plain, model):
    """Not the network namespace that the engine misses."""
    one, two = pipe((plain, model(broken=b"")), plain)

    first, second = await asyncio.gather(
        driver.start(one), driver.start(two), return_exceptions=True
    )
    # Whether the first ended before the second could start or later, the reason is the same.
    why = str(second) if isinstance(second, StartError) else await driver.died(second)

    assert why == "was stopped with its instance: container-1 exited with code 1"
    assert await driver.died(first) == "exited with code 1"


async def test_a_container_that_ignores_sigterm_is_killed(drivers, up, plain, model, left):
    """After the time that the platform gives."""
    driver = drivers(limits=HASTY)
    spec = ContainerSpec(hostname="primary", image=plain, model_data=model(stubborn=b""))
    [address] = await up(spec, by=driver)
    death = asyncio.create_task(driver.died(address))
    await asyncio.sleep(0)

    await driver.stop(address)

    assert await death == "was killed by SIGKILL"
    assert left() == []


async def test_a_start_that_is_cancelled_leaves_nothing(drivers, plain, model, left):
    """A host cancels the siblings of a container that failed."""
    driver = drivers(limits=HASTY)
    spec = ContainerSpec(hostname="primary", image=plain, model_data=model(a=b"1"))
    start = asyncio.create_task(driver.start(spec))
    await asyncio.sleep(0)

    start.cancel()
    await asyncio.wait([start])

    assert start.cancelled()
    assert left() == []


async def test_cpus_and_memory_are_the_instance_types_and_at_most_the_machines(
    drivers, plain, engine
):
    """An engine refuses more cpus than it has."""
    driver = drivers(limits=HASTY)
    host = engine.info()
    large = ContainerSpec(hostname="a", image=plain, instance_type="ml.m5.24xlarge", instance="a")
    small = replace(large, hostname="b", instance="b", instance_type="ml.c5.large")

    await driver.start(large)
    await driver.start(small)

    found = {
        each.labels["stagewire.local.instance"]: each.attrs["HostConfig"]
        for each in engine.containers.list(filters={"label": "stagewire.local.door"})
        if each.labels["stagewire.local.container"] in {"a", "b"}
    }
    assert found["a"]["NanoCpus"] == min(host["NCPU"], 96) * 10**9
    assert found["a"]["Memory"] == min(host["MemTotal"], 384 * 2**30)
    assert found["b"]["NanoCpus"] == min(host["NCPU"], 2) * 10**9
    assert found["b"]["Memory"] == 4 * 2**30


async def test_the_next_door_of_a_name_removes_what_a_killed_one_left(drivers, engine, plain, left):
    """And nothing of any other name."""
    door = f"test-{os.getpid()}-killed"
    labels = {"stagewire.local": "true", "stagewire.local.door": door}
    engine.containers.create(plain, ["serve"], labels=labels)
    engine.volumes.create(labels=labels)
    kept = engine.volumes.create(labels={**labels, "stagewire.local.door": f"{door}-other"})
    spec = ContainerSpec(hostname="primary", image=plain)

    driver = drivers(door=door, limits=HASTY)
    address = await driver.start(spec)

    assert len(left(door)) == 1
    assert left(f"{door}-other") == [kept.name]
    await driver.stop(address)
    assert sweep(engine, door=f"{door}-other") == 1


async def test_a_door_that_is_killed_leaves_no_container(plain, left, until_async):
    """Not even until the next door of its name."""
    door = f"test-{os.getpid()}-guarded"
    program = (
        "import asyncio, os\n"
        "from stagewire_local.docker_setup import opened\n"
        "from stagewire_local.driver import ContainerSpec\n"
        "from stagewire_local.ports import Ports\n"
        "async def main():\n"
        f"    driver = opened(os.environ, door={door!r}, ports=Ports())\n"
        f"    await driver.start(ContainerSpec(hostname='primary', image={plain!r}))\n"
        "    print('up', flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    assert await process.stdout.readline() == b"up\n"
    assert len(left(door)) == 1

    process.kill()
    await process.wait()

    await until_async(lambda: not left(door))


async def test_an_endpoint_heals_after_a_kill_and_requests_on_the_other_instance_are_unharmed(
    driver, pipe, plain, engine, until_async
):
    """A host over this driver: two instances, a container of one is killed."""
    limits = Limits(start_seconds=60, stop_seconds=5)
    registry = Registry()
    async with Client() as client:
        host = Host(registry, health=Health(client=client, limits=limits), limits=limits)
        chain = Chain(client=client, limits=limits)
        host.create("pipe", pipe(plain, plain), driver=driver, count=2)
        await host.settled("pipe")
        endpoint = registry.find("pipe")
        assert endpoint.state is State.IN_SERVICE, endpoint.failure_reason
        whole, broken = endpoint.variants[0].instances

        chosen = {"label": f"stagewire.local.instance={broken.id}"}
        engine.containers.list(filters=chosen)[0].kill()
        await until_async(lambda: broken.hops() is None)
        answers = [
            await chain.invoke(
                Invocation(body=b"1\n", content_type="text/csv", accept="text/csv"),
                hops=endpoint.variants[0].route(),
                origin=ORIGIN,
            )
            for _ in range(20)
        ]
        await until_async(lambda: broken.hops() is not None)
        await host.close()

    assert {json.loads(answer.body)["body"] for answer in answers} == {"1.0\n"}
    assert {each.restarts for each in whole.containers} == {0}
    assert {each.restarts for each in broken.containers} == {1}
