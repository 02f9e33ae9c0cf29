"""One contract over three drivers: the same tests, the same stage program, unmodified boto3."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx
import pytest
from botocore.exceptions import ClientError

from stagewire_local.image import BIND_TO_PORT

HERE = Path(__file__).parent
STAGES = HERE / "stages"
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
BUCKET = "contract"
NUMBERS = count(1)
# What a driver can do; what one cannot is skipped by its name, and by nothing else.
#   starts  makes containers for an endpoint, and ends them with it
#   models  brings the model's data to them
#   deaths  notices that one has ended
#   labels  sees the labels of images
#   memory  holds a container to the memory of its instance
CAN = {
    "process": {"starts", "models", "deaths"},
    "docker": {"starts", "models", "deaths", "labels", "memory"},
    "fixed": set(),
}
# One endpoint's containers are shared by many tests, so the platform's own limits hold; what has
# to wait for a limit goes to a door in a hurry.
PATIENT = {"start_seconds": 60, "idle_seconds": 0.2, "cold_seconds": 0.5}
HASTY = {**PATIENT, "reply_seconds": 1, "stream_seconds": 1}


@dataclass
class Machine:
    """A running door, what its driver can do, and boto3's clients for it."""

    driver: str
    url: str
    root: Path
    images: dict
    clients: object
    packed: object

    def needs(self, what):
        """Skip a test of something that the driver cannot do."""
        if what not in CAN[self.driver]:
            pytest.skip(f"the driver {self.driver} does not have '{what}'")

    def client(self, service, mode="standard"):
        """Return boto3's client, each in both retry modes and repeating once."""
        return self.clients(
            self.url,
            service,
            retries={"mode": mode, "total_max_attempts": 2},
            s3={"addressing_style": "path"},
            max_pool_connections=20,
        )

    def container(self, name, *, broken=False, files=None, environment=None):
        """Write the definition of a container that has a name, or of one that cannot start."""
        image = self.images[name]
        if broken and "starts" not in CAN[self.driver]:
            image += "/no/container"
        found = {"Image": image, "Environment": {"NAME": name, **(environment or {})}}
        if "models" in CAN[self.driver]:
            found["ModelDataUrl"] = self.model(**{"broken": b""} if broken else files or {})
        return found

    def model(self, **files):
        """Put a model archive into the door's own S3 and return its URL."""
        key, body = f"{next(NUMBERS)}/model.tar.gz", self.packed({"model.bin": b"1", **files})
        self.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)
        return f"s3://{BUCKET}/{key}"

    def config(self, *models, weights=(), more=None, **members):
        """Create models of containers (each a list) and a configuration of a variant for each."""
        name = f"config-{next(NUMBERS)}"
        variants = []
        for place, containers in enumerate(models, 1):
            model = f"model-{next(NUMBERS)}"
            shape = {"Containers": containers} if len(containers) > 1 else {}
            shape = shape or {"PrimaryContainer": containers[0]}
            self.client("sagemaker").create_model(
                ModelName=model, ExecutionRoleArn=ROLE, **shape, **(more or {})
            )
            variants.append({"VariantName": f"v{place}", "ModelName": model, **sized(members)})
            if weights:
                variants[-1]["InitialVariantWeight"] = weights[place - 1]
        kept = {key: value for key, value in members.items() if key not in VARIANT}
        self.client("sagemaker").create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=variants, **kept
        )
        return name

    def wait(self, name, state="endpoint_in_service"):
        """Wait with boto3's own waiter, at a pace for this machine."""
        waiter = self.client("sagemaker").get_waiter(state)
        waiter.wait(EndpointName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 900})

    def urls(self, name):
        """Name the addresses of an endpoint's containers, of the first instance."""
        found = httpx.get(f"{self.url}/_stagewire/status", timeout=30).json()["endpoints"]
        [variants] = [each["variants"] for each in found if each["name"] == name]
        return [each["url"] for each in variants[0]["instances"][0]["containers"]]

    def forward(self, seconds):
        """Put the door's clock forward; in one step, for the door reads at any moment."""
        part = self.root.with_suffix(".part")
        part.write_text(str(seconds))
        part.replace(self.root.with_suffix(".ahead"))


VARIANT = ("ServerlessConfig", "InitialInstanceCount")


def sized(members):
    """Say how large a variant is."""
    if "ServerlessConfig" in members:
        return {"ServerlessConfig": members["ServerlessConfig"]}
    number = members.get("InitialInstanceCount", 1)
    return {"InstanceType": "ml.m5.large", "InitialInstanceCount": number}


def environ(**more):
    """Name what the programs need: the stages and the rooms, installed or not."""
    path = os.pathsep.join([str(STAGES), *filter(None, sys.path)])
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "DOCKER_HOST") if key in os.environ}
    return {**kept, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **more}


@contextmanager
def program(*words, **more):
    """Run a program until the block ends; give the first line that it writes."""
    process = subprocess.Popen(
        [sys.executable, *words], env=environ(**more), stdout=subprocess.PIPE, text=True
    )
    try:
        line = process.stdout.readline()
        assert line, f"{words[0]} did not start"
        yield line.strip()
    finally:
        process.terminate()
        process.wait(timeout=120)
        process.stdout.close()


@pytest.fixture(
    scope="session",
    params=["process", pytest.param("docker", marks=pytest.mark.containers), "fixed"],
)
def driver(request):
    """Name a driver."""
    return request.param


@pytest.fixture(scope="session")
def images(driver, request):
    """Name what runs each of the stages `a` and `b` behind a driver."""
    if driver == "process":
        yield dict.fromkeys("ab", "contract:1")
    elif driver == "docker":
        tag = f"stagewire-contract-{os.getpid()}"
        engine = request.getfixturevalue("engine")
        engine.images.build(path=str(STAGES), tag=tag, rm=True)
        bare = f"{tag}-unlabelled"
        engine.images.build(path=str(STAGES), tag=bare, rm=True, labels={BIND_TO_PORT: "no"})
        yield {**dict.fromkeys("ab", tag), "unlabelled": bare}
        for each in (tag, bare):
            engine.images.remove(each, force=True)
    else:
        with ExitStack() as stack:
            lines = {
                name: stack.enter_context(
                    program(
                        str(STAGES / "contract_stage.py"),
                        "serve",
                        NAME=name,
                        SAGEMAKER_BIND_TO_PORT="0",
                        STAGEWIRE_HOST="127.0.0.1",
                    )
                )
                for name in "ab"
            }
            yield {name: f"http://127.0.0.1:{line.split()[-1]}" for name, line in lines.items()}


@contextmanager
def running(driver, images, tools, root, **rules):
    """Run a door; it ends with all that it started."""
    given = {"root": str(root), "driver": own(driver), **rules}
    with program(str(HERE / "programs" / "door.py"), json.dumps(given)) as line:
        machine = Machine(driver, f"http://127.0.0.1:{line}", root, images, *tools)
        machine.client("s3").create_bucket(Bucket=BUCKET)
        yield machine


def own(driver):
    """Name the driver of images that are no URL."""
    return "docker" if driver == "docker" else "process"


@pytest.fixture(scope="session")
def tools(clients, packed):
    """What a machine makes clients and archives with."""
    return clients, packed


@pytest.fixture(scope="session")
def machine(driver, images, tools, tmp_path_factory):
    """SageMaker on this machine with one of the drivers and the platform's limits."""
    root = tmp_path_factory.mktemp(driver) / "door"
    with running(driver, images, tools, root, limits=PATIENT) as machine:
        yield machine


@pytest.fixture(scope="session")
def hasty(driver, images, tools, tmp_path_factory):
    """The same with limits of a second."""
    root = tmp_path_factory.mktemp(driver) / "hasty"
    with running(driver, images, tools, root, limits=HASTY) as machine:
        yield machine


@pytest.fixture
def cramped(driver, images, tools, tmp_path):
    """The same on a disk without room for a model: no file may be larger than 128 KiB."""
    with running(
        driver, images, tools, tmp_path / "door", limits=PATIENT, file_bytes=128 * 1024
    ) as machine:
        yield machine


def serving(machine):
    """Create the endpoint `pipe` of two containers, and wait for it."""
    config = machine.config([machine.container(name) for name in "ab"])
    machine.client("sagemaker").create_endpoint(EndpointName="pipe", EndpointConfigName=config)
    machine.wait("pipe")
    return machine


@pytest.fixture(scope="session")
def pipe(machine):
    """A machine that serves `pipe`: containers `a` and `b` of one instance."""
    return serving(machine)


@pytest.fixture(scope="session")
def hasty_pipe(hasty):
    """The same for those who wait for a limit."""
    return serving(hasty)


@pytest.fixture
def endpoint(machine):
    """Give a function that creates an endpoint of a configuration and waits for it."""
    made = []

    def create(config):
        name = f"endpoint-{next(NUMBERS)}"
        machine.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=config)
        made.append(name)
        machine.wait(name)
        return name

    yield create
    for name in made:
        machine.client("sagemaker").delete_endpoint(EndpointName=name)
    for name in made:
        machine.wait(name, "endpoint_deleted")


@pytest.fixture(params=["standard", "legacy"])
def mode(request):
    """Name one of botocore's retry modes: they repeat different errors."""
    return request.param


@dataclass
class Caller:
    """Invokes endpoints; what containers are to do is given by their names."""

    runtime: object

    def __call__(self, body=b"x", *, endpoint="pipe", a=None, b=None, **more):
        """InvokeEndpoint; return the answer with its body read."""
        answer = self.runtime.invoke_endpoint(
            EndpointName=endpoint, Body=body, CustomAttributes=orders(a=a, b=b), **more
        )
        return {**answer, "Body": answer["Body"].read()}

    def seen(self, *given, **more):
        """Return what the last container saw, and what it got from the one before."""
        last = json.loads(self(*given, **more)["Body"])
        try:
            return json.loads(last["body"]), last
        except ValueError:
            return None, last

    def error(self, *given, **more):
        """Return the error's response."""
        with pytest.raises(ClientError) as caught:
            self(*given, **more)
        return caught.value.response


def orders(**named):
    """Write orders as custom attributes."""
    return json.dumps({name: order for name, order in named.items() if order})


@pytest.fixture
def call(pipe, mode):
    """Give what invokes `pipe`, in each retry mode."""
    return Caller(pipe.client("sagemaker-runtime", mode))


@pytest.fixture
def caller(mode):
    """Give what invokes the endpoints of any machine, in each retry mode."""
    return lambda machine: Caller(machine.client("sagemaker-runtime", mode))


@pytest.fixture
def direct():
    """Give a function that sends an order to a container past the door: it holds the keys to it."""

    def post(url, order, name="a"):
        headers = {"X-Amzn-SageMaker-Custom-Attributes": orders(**{name: {**order, "aside": True}})}
        return httpx.post(f"{url}/invocations", headers=headers, content=b"", timeout=60)

    return post
