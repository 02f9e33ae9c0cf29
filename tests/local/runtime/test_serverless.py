"""Serverless endpoints: cold start, scale to zero, a limit of requests at once, 4 MB each way."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest
from botocore.exceptions import ClientError

from stagewire_local.driver import ContainerSpec
from stagewire_local.limits import Limits
from stagewire_local.plan import Plan
from stagewire_local.ports import Ports
from stagewire_local.process import ProcessDriver

CONFIG = {"MemorySizeInMB": 1024, "MaxConcurrency": 2}
SOON = 0.01  # until an endpoint without requests rests


def serverless(**config):
    """Write what CreateEndpointConfig keeps of a serverless variant."""
    return {"ServerlessConfig": CONFIG | config}


def awake(box):
    """Return the instances that have a container."""
    [variant] = box.registry.find("pipe").variants
    return [each for each in variant.instances if each.containers[0].address]


@pytest.fixture
def processes(environment, tmp_path):
    """Give a driver of real processes."""
    return ProcessDriver(
        tmp_path / "box",
        ports=Ports(),
        environ=environment,
        modules={"stub": "stub_stage"},
        limits=Limits(),
    )


def test_a_cold_start_brings_a_new_process(box, runtime, model, processes, until):
    """Real processes: the one that answered is gone when nobody asks, and another one answers."""
    spec = ContainerSpec(hostname="primary", image="stub", model_data=model())
    found = box(
        Plan(specs=[spec], settings=serverless()),
        driver=processes,
        limits=Limits(start_seconds=20, idle_seconds=SOON),
    )
    client = runtime(found.url)

    first = json.load(client.invoke_endpoint(EndpointName="pipe", Body=b"x")["Body"])
    until(lambda: not awake(found))
    second = json.load(client.invoke_endpoint(EndpointName="pipe", Body=b"x")["Body"])

    assert first["pid"] != second["pid"]


def test_provisioned_concurrency_never_rests(box, plan, client, stub):
    """Somebody pays for it to be warm."""
    config = serverless(ProvisionedConcurrency=1)
    limits = Limits(start_seconds=20, idle_seconds=0)
    found = box(plan(stub(), settings=config), limits=limits)

    answers = [client.post(f"{found.url}/invocations", content=b"x") for _ in range(3)]

    [variant] = found.registry.find("pipe").variants
    assert [each.status_code for each in answers] == [200] * 3
    assert variant.instances[0].hops()


def test_a_cold_start_that_takes_too_long_is_not_ready(box, plan, runtime, stub, until):
    """429 ModelNotReadyException; the start goes on, and a later request is answered."""
    one = stub()
    # It rests again soon after the start that took long: not before somebody has seen it up.
    limits = Limits(start_seconds=20, idle_seconds=0.5, cold_seconds=0.5)
    found = box(plan(one, settings=serverless()), limits=limits)
    client = runtime(found.url, attempts=2)
    client.invoke_endpoint(EndpointName="pipe", Body=b"x")
    until(lambda: not awake(found))
    one.ping = 503

    with pytest.raises(client.exceptions.ModelNotReadyException) as caught:
        client.invoke_endpoint(EndpointName="pipe", Body=b"x")
    seen = len(one.seen)
    one.ping = 200
    [variant] = found.registry.find("pipe").variants
    until(lambda: variant.instances[0].hops() is not None)
    response = client.invoke_endpoint(EndpointName="pipe", Body=b"x")

    about = caught.value.response["ResponseMetadata"]
    assert about["HTTPStatusCode"] == 429
    # Only the older mode tries this one again, so callers of a cold endpoint must do it themselves.
    assert about["RetryAttempts"] == (client.meta.config.retries["mode"] == "legacy")
    assert seen == 1
    assert response["Body"].read() == b"x>"


def test_requests_above_the_concurrency_are_throttled(box, plan, runtime, stub):
    """400 ThrottlingException, which both retry modes try again."""
    gate, both = threading.Event(), threading.Barrier(3)

    async def hold(receive, send):
        await asyncio.to_thread(both.wait, 30)
        await asyncio.to_thread(gate.wait, 30)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"held"})

    found = box(plan(stub(behave=hold), settings=serverless()))
    client = runtime(found.url, attempts=2)
    answers = []
    callers = [
        threading.Thread(
            target=lambda: answers.append(
                client.invoke_endpoint(EndpointName="pipe", Body=b"x")["Body"].read()
            )
        )
        for _ in range(2)
    ]
    for caller in callers:
        caller.start()
    both.wait(30)

    with pytest.raises(ClientError, match="ThrottlingException") as caught:
        client.invoke_endpoint(EndpointName="pipe", Body=b"x")
    gate.set()
    for caller in callers:
        caller.join()

    about = caught.value.response["ResponseMetadata"]
    assert (about["HTTPStatusCode"], about["RetryAttempts"]) == (400, 1)
    assert answers == [b"held"] * 2


def test_bodies_have_at_most_4_mb_each_way(box, plan, client, stub):
    """The limit is inclusive and settable down."""
    one = stub(body=b"ok")
    limits = Limits(start_seconds=20, serverless_bytes=1000)
    url = box(plan(one, settings=serverless()), limits=limits).url + "/invocations"

    exact = client.post(url, content=bytes(1000))
    request = client.post(url, content=bytes(1001))
    one.body = bytes(1001)
    answer = client.post(url, content=b"x")

    assert exact.status_code == 200
    assert request.status_code == 413
    assert answer.status_code == 424
    assert "is 1001 bytes, which has exceeded the maximum limit" in answer.json()["Message"]


def test_a_stream_is_a_request_too(box, plan, client, stub, until):
    """It wakes the endpoint like any other."""
    limits = Limits(start_seconds=20, idle_seconds=SOON)
    found = box(plan(stub(), settings=serverless()), limits=limits)
    path = f"{found.url}/endpoints/pipe/invocations-response-stream"
    client.post(path, content=b"x")
    until(lambda: not awake(found))

    assert b"x>" in client.post(path, content=b"x").content
