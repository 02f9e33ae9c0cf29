"""What every room's tests share: how hypothesis draws, and the loop."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
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

    def __init__(self, engine, image, environ, *, ready=True, **options):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
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
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.poll() is not None:
                pytest.fail(f"the container ended with {self.poll()}: {self.lines}")
            with contextlib.suppress(httpx.TransportError):
                if self.client.get("/ping").status_code == status and (
                    not refused or self.client.get("/metadata").json()["state"] == "refused"
                ):
                    return
            time.sleep(0.02)
        pytest.fail(f"the container never answered {status}: {self.lines}")

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
def boxes(engine, images):
    """Start a room's container; returns it. All that is left is removed at the end of the run."""
    begun = []

    def begin(room, environ, **options):
        texts = {key: str(value) for key, value in environ.items()}
        begun.append(Container(engine, images[room], texts, **options))
        return begun[-1]

    yield begin
    for each in begun:
        with contextlib.suppress(Exception):
            each.close()
