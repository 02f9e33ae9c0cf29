"""The box of compose with the driver `docker`: given the engine's socket it starts containers itself."""

from __future__ import annotations

import os
import subprocess
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from drill_targets import Containers

pytestmark = pytest.mark.containers

ROOT = Path(__file__).parents[2]
FILES = ("-f", "docker-compose.yml", "-f", "docker-compose.docker.yml")


@pytest.fixture
def echo(engine):
    """The image of the drill's echo, and what runs of it."""
    with closing(Containers()) as containers:
        yield containers
        for each in containers.running():
            each.remove(force=True)


@pytest.fixture
def compose(images, port):
    """Give a function that runs `docker compose` with the override, on a port of its own."""

    def call(*words, check=True):
        command = ["docker", "compose", "-p", f"stagewire-box-{os.getpid()}", *FILES, *words]
        environ = {**os.environ, "PORT": str(port)}
        done = subprocess.run(
            command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0 or not check, done.stdout + done.stderr

    call.url = f"http://127.0.0.1:{port}"
    yield call
    call("down", "--volumes", "--timeout", "20", check=False)


@pytest.fixture
def client(compose, clients):
    """Give boto3's clients for the box."""
    return partial(clients, compose.url)


def test_the_box_starts_containers_beside_itself_and_takes_them_down(compose, client, echo):
    """S3 answers on the same port; an endpoint of two containers answers; `down` ends them too."""
    compose("up", "--no-build", "--wait", "door")
    s3, sagemaker, runtime = (client(name) for name in ("s3", "sagemaker", "sagemaker-runtime"))
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="key", Body=b"rows")
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": "echo",
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    role = "arn:aws:iam::123456789012:role/box"
    containers = [{"Image": echo.image}] * 2
    sagemaker.create_model(ModelName="echo", ExecutionRoleArn=role, Containers=containers)
    sagemaker.create_endpoint_config(EndpointConfigName="echo", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="echo", EndpointConfigName="echo")
    waiter = sagemaker.get_waiter("endpoint_in_service")
    waiter.wait(EndpointName="echo", WaiterConfig={"Delay": 1, "MaxAttempts": 60})

    with closing(s3.get_object(Bucket="bucket", Key="key")["Body"]) as stored:
        content = stored.read()
    with closing(runtime.invoke_endpoint(EndpointName="echo", Body=b"x")["Body"]) as body:
        answer = body.read()
    while_up = echo.left()
    compose("down", "--volumes", "--timeout", "30")

    assert content == b"rows"
    assert answer == b"x,1,1"
    assert (while_up, echo.left()) == (2, 0)
