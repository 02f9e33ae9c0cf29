"""Real endpoints of an unmodified boto3: made, changed under load, failed and healed."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError, WaiterError
from control_plane import refused, wait


def test_a_pipeline_is_deployed_from_s3_and_answers(box, sagemaker, modelled, deployed):
    """Create, wait, describe, invoke: what every notebook does."""
    model = modelled(files={"model.bin": b"1"})

    name = deployed(model)
    answer = box.client("sagemaker-runtime").invoke_endpoint(EndpointName=name, Body=b"x")
    outer = json.load(answer["Body"])

    described = sagemaker.describe_endpoint(EndpointName=name)
    [variant] = described["ProductionVariants"]
    assert outer["model"] == ["model.bin"]
    assert json.loads(outer["body"])["body"] == "x"
    assert answer["InvokedProductionVariant"] == "v1"
    assert described["EndpointStatus"] == "InService"
    assert "FailureReason" not in described
    assert variant["CurrentInstanceCount"] == 1
    assert [each["SpecifiedImage"] for each in variant["DeployedImages"]] == ["stub:1", "stub:1"]


def test_a_direct_endpoint_asks_the_container_that_is_named(box, sagemaker, modelled, deployed):
    """And refuses a request that names none."""
    mode = {"Mode": "Direct"}
    name = deployed(modelled(InferenceExecutionConfig=mode))
    runtime = box.client("sagemaker-runtime")

    answer = runtime.invoke_endpoint(
        EndpointName=name, Body=b"x", TargetContainerHostname="container-2"
    )
    nobody = refused(runtime.invoke_endpoint, EndpointName=name, Body=b"x")

    assert json.load(answer["Body"])["body"] == "x"
    assert nobody[0] == "ValidationError"
    assert "container-1, container-2" in nobody[1]


def test_a_container_that_fails_its_ping_fails_the_endpoint(sagemaker, modelled, configured, named):
    """boto3's waiter ends with Failed, and the reason names the container."""
    config = configured(modelled(files={"broken": b""}))
    sagemaker.create_endpoint(EndpointName=named, EndpointConfigName=config)

    with pytest.raises(WaiterError, match="Failed"):
        wait(sagemaker, named)

    reason = sagemaker.describe_endpoint(EndpointName=named)["FailureReason"]
    sagemaker.delete_endpoint(EndpointName=named)
    assert "The container-1 container for production variant v1 did not pass the ping" in reason
    assert "exited with code 1" in reason


def test_an_update_to_a_failing_model_keeps_the_old_instances(
    box, sagemaker, modelled, configured, deployed
):
    """Requests go on being answered by the same processes; the reason is kept."""
    name = deployed(modelled())
    before = sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]
    runtime = box.client("sagemaker-runtime")
    pid = json.load(runtime.invoke_endpoint(EndpointName=name, Body=b"x")["Body"])["pid"]

    broken = configured(modelled(files={"broken": b""}))
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=broken)
    during = refused(sagemaker.delete_endpoint, EndpointName=name)
    wait(sagemaker, name)

    described = sagemaker.describe_endpoint(EndpointName=name)
    after = json.load(runtime.invoke_endpoint(EndpointName=name, Body=b"x")["Body"])["pid"]
    assert "Cannot update in-progress endpoint" in during[1]
    assert described["EndpointConfigName"] == before
    assert "exited with code 1" in described["FailureReason"]
    assert after == pid


def test_an_update_exchanges_the_instances_without_a_failed_request(
    box, sagemaker, modelled, configured, deployed
):
    """Callers before, while and after get answers, and at last those of the new model."""
    name = deployed(modelled(files={"old": b""}))
    runtime = box.client("sagemaker-runtime", retries={"total_max_attempts": 1})
    models, done = [], threading.Event()

    def call():
        while not done.is_set():
            answer = runtime.invoke_endpoint(EndpointName=name, Body=b"x")
            models.append(json.load(answer["Body"])["model"])

    caller = threading.Thread(target=call)
    caller.start()
    new = configured(modelled(files={"new": b""}))
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
    wait(sagemaker, name)
    last = runtime.invoke_endpoint(EndpointName=name, Body=b"x")
    done.set()
    caller.join()

    assert json.load(last["Body"])["model"] == ["new"]
    assert models[0] == ["old"]
    assert sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"] == new


def test_an_update_while_a_body_is_on_its_way_harms_no_request(
    box, sagemaker, modelled, configured, deployed
):
    """What has begun on the instances before is answered by those after."""
    name = deployed(modelled(files={"old": b""}))
    new = configured(modelled(files={"new": b""}))
    runtime = box.client("sagemaker-runtime")
    address = urlsplit(box.url)
    head = f"POST /endpoints/{name}/invocations HTTP/1.1\r\nHost: box\r\nContent-Length: 1\r\n"

    with socket.create_connection((address.hostname, address.port), timeout=60) as wire:
        wire.sendall(f"{head}Connection: close\r\n\r\n".encode())
        runtime.invoke_endpoint(EndpointName=name, Body=b"x")  # the door has seen the head by now
        sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
        wait(sagemaker, name)
        wire.sendall(b"x")
        answer = b"".join(iter(lambda: wire.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["model"] == ["new"]


def test_two_variants_share_the_requests_by_weight(box, sagemaker, modelled, deployed):
    """Three to one exactly; the caller may also choose; weights and counts can be changed."""
    name = deployed(modelled(1), modelled(1), weights=[3, 1])
    runtime = box.client("sagemaker-runtime")

    def asked(**more):
        answer = runtime.invoke_endpoint(EndpointName=name, Body=b"x", **more)
        return answer["InvokedProductionVariant"]

    shares = [asked() for _ in range(8)]
    chosen = asked(TargetVariant="v2")
    wanted = [
        {"VariantName": "v1", "DesiredWeight": 0},
        {"VariantName": "v2", "DesiredInstanceCount": 2},
    ]
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name, DesiredWeightsAndCapacities=wanted
    )
    wait(sagemaker, name)

    first, second = sagemaker.describe_endpoint(EndpointName=name)["ProductionVariants"]
    assert (shares.count("v1"), shares.count("v2")) == (6, 2)
    assert chosen == "v2"
    assert {asked() for _ in range(4)} == {"v2"}
    assert first["CurrentWeight"] == 0
    assert second["CurrentInstanceCount"] == 2


def test_an_instance_that_dies_under_load_harms_no_request_on_the_others(
    box, modelled, deployed, until
):
    """Each call is answered or cleanly refused, and the endpoint heals."""
    name = deployed(modelled(1), instances=2)
    runtime = box.client("sagemaker-runtime", retries={"total_max_attempts": 1})
    pids = {answered(runtime, name) for _ in range(2)}
    answers = []
    callers = [
        threading.Thread(target=lambda: answers.extend(answered(runtime, name) for _ in range(25)))
        for _ in range(8)
    ]

    for caller in callers:
        caller.start()
    os.kill(min(pids), signal.SIGKILL)
    for caller in callers:
        caller.join()

    def healed():
        found = {answered(runtime, name) for _ in range(2)} - {424, 503}
        return len(found) == 2 and min(pids) not in found

    until(healed)

    assert len(pids) == 2
    assert len(answers) == 200
    assert max(pids) in answers


def answered(runtime, name):
    """Return which process answered, or the status of a clean refusal."""
    try:
        answer = runtime.invoke_endpoint(EndpointName=name, Body=b"x")
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        assert status in {424, 503}
        return status
    return json.load(answer["Body"])["pid"]
