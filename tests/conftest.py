"""What every room's tests share: how hypothesis draws, the loop, and how to wait."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tarfile
import time
import uuid
from pathlib import Path

import httpx
import pytest
from hypothesis import settings

# A shared machine is slow at odd moments: an example is judged by its result, never by its time.
settings.register_profile("stagewire", deadline=None)
# The same examples in each run, so that CI blames the change and not the draw.
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "stagewire")

# A run in the background of a shell script has Ctrl-C ignored, and so would have every program that
# is interrupted here; a handler of our own is not handed down, and theirs is the system's again.
signal.signal(signal.SIGINT, signal.default_int_handler)


def until(condition, *, seconds=60, what="the condition holds"):
    """Wait for what has no event; returns what is true then, or fails with what never was.

    That may be a function, for what only the end can tell.
    """
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            pytest.fail(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.01)
    return found


async def until_async(condition, **more):
    """Wait beside a running loop: the condition is asked in a thread."""
    return await asyncio.to_thread(until, condition, **more)


@pytest.fixture(scope="session", name="until")
def waiting():
    """What waits for a condition."""
    return until


@pytest.fixture(scope="session", name="until_async")
def waiting_async():
    """What waits for a condition in a coroutine."""
    return until_async


@pytest.fixture(scope="session")
def packed():
    """What makes a model archive of names and contents."""

    def pack(files):
        body = io.BytesIO()
        with tarfile.open(fileobj=body, mode="w:gz") as tar:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        return body.getvalue()

    return pack


@pytest.fixture(scope="session")
def gone():
    """What tells whether a process is no more, or only waits to be reaped by somebody else."""

    def ask(pid):
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except (FileNotFoundError, ProcessLookupError):  # gone, or a system without /proc
            return not _alive(pid)

    return ask


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(scope="session")
def free_port():
    """What finds a free port that no outgoing connection of this machine will take meanwhile.

    Those are at 32768 and above; containers of doors are at 21000 to 21999. None is given twice.
    """
    untried = random.sample(range(22000, 32000), 10000)

    def find():
        while True:
            number = untried.pop()
            with socket.socket() as probe, contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", number))
                return number

    return find


@pytest.fixture
def port(free_port):
    """A port that was free a moment ago."""
    return free_port()


@pytest.fixture(scope="session")
def clients():
    """What gives boto3's client of a service at a URL, made once and closed at the end of the run."""
    made = {}

    def client(url, service, **config):
        # Not at the top: boto3 is slow to come and most tests do without.
        import boto3
        from botocore.config import Config

        key = (url, service, repr(sorted(config.items())))
        if key not in made:
            made[key] = boto3.client(
                service,
                endpoint_url=url,
                region_name="us-east-1",
                aws_access_key_id="none",
                aws_secret_access_key="none",  # noqa: S106 -- nobody checks it
                config=Config(**config),
            )
        return made[key]

    yield client
    for each in made.values():
        each.close()


@pytest.fixture(scope="session")
def anyio_backend():
    """Coroutines are tested on asyncio, the only loop that the servers run on."""
    return "asyncio"


@pytest.fixture(scope="session")
def abalone():
    """The data set that stands in the project."""
    return Path(__file__).parents[1] / "pipeline" / "data" / "abalone.csv"


@pytest.fixture(scope="session")
def stagewire():
    """What runs the command line as a user does; returns its output, or fails with it."""

    def run(*arguments):
        command = [sys.executable, "-m", "stagewire_pipeline", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def drill():
    """What runs the drill of bench/, which itself says whether all held; returns its report."""
    program = Path(__file__).parents[1] / "bench" / "drill.py"

    def run(*words):
        command = [sys.executable, str(program), "--requests=1000", "--json", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="session")
def trained(stagewire, abalone, tmp_path_factory):
    """Both stages trained on abalone and packaged, by the project's own commands."""
    out = tmp_path_factory.mktemp("trained")
    stagewire("train", "--data", abalone, "--out", out)
    stagewire("package", "--out", out)
    return out


@pytest.fixture(scope="session")
def engine():
    """A client of the Docker Engine; without one the tests skip, or fail where they must run."""
    docker = pytest.importorskip("docker", reason="the docker SDK is not installed")
    try:
        client = docker.from_env()
        client.ping()
    except docker.errors.DockerException as error:
        reason = f"no Docker Engine answers: {error}"
        if os.environ.get("REQUIRE_CONTAINERS") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    yield client
    client.close()


@pytest.fixture(scope="session")
def images(engine, stagewire):
    """The images, built once a run by the project's own command."""
    stagewire("images", "build")
    return {room: f"stagewire/{room}" for room in ("featurizer", "predictor", "local")}


class Container:
    """A running stage's container: its port on this host, locked down as far as an image must bear.

    The folders that the environment names are mounted at their own paths, the base read-only.
    """

    def __init__(self, engine, image, environ, *, port, ready=True, **options):
        self.port = port
        ports = {self.port, *(int(v) for k, v in environ.items() if k.endswith("METRICS_PORT"))}
        places = {k: v for k, v in environ.items() if v.startswith("/") and Path(v).is_dir()}
        locks = {"read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges"]}
        volumes = {
            place: {"bind": place, "mode": "ro" if key == "SAGEMAKER_BASE_DIR" else "rw"}
            for key, place in places.items()
        }
        self.container = engine.containers.run(
            image,
            options.pop("command", "serve"),
            name=f"stagewire-test-{uuid.uuid4().hex[:12]}",
            detach=True,
            environment={"SAGEMAKER_BIND_TO_PORT": str(self.port), **environ},
            ports={f"{port}/tcp": ("127.0.0.1", port) for port in ports},
            volumes=volumes,
            **{**locks, **options},
        )
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30)
        try:
            self.wait(200 if ready else 503, refused=not ready)
        except BaseException:
            self.close()
            raise

    def wait(self, status, *, refused=False):
        """Poll `/ping` as the platform does, until it answers a status."""
        until(
            lambda: self._answers(status, refused=refused),
            what=lambda: f"the container answers {status}: {self.lines}",
        )

    def _answers(self, status, *, refused):
        if self.poll() is not None:
            pytest.fail(f"the container ended with {self.poll()}: {self.lines}")
        try:
            return self.client.get("/ping").status_code == status and (
                not refused or self.client.get("/metadata").json()["state"] == "refused"
            )
        except httpx.TransportError:
            return False

    @property
    def lines(self):
        """What it has logged."""
        return self.container.logs().decode().splitlines()

    def poll(self):
        """Return the exit status, None while it runs."""
        self.container.reload()
        state = self.container.attrs["State"]
        return None if state["Running"] else state["ExitCode"]

    def terminate(self):
        """Send SIGTERM."""
        self.container.kill("SIGTERM")

    def wait_end(self, seconds=30):
        """Wait until it ends; returns the exit status."""
        return self.container.wait(timeout=seconds)["StatusCode"]

    def close(self):
        """Remove it."""
        self.client.close()
        self.container.remove(force=True, v=True)


@pytest.fixture(scope="session")
def boxes(engine, images, free_port):
    """Start a room's container; returns it. All that is left is removed at the end of the run."""
    begun = []

    def begin(room, environ, **options):
        texts = {key: str(value) for key, value in environ.items()}
        begun.append(Container(engine, images[room], texts, port=free_port(), **options))
        return begun[-1]

    yield begin
    for each in begun:
        with contextlib.suppress(Exception):
            each.close()
