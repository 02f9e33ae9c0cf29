"""Every stage over every transport: what the hosting contract is run against."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest

from stagewire import settings
from stagewire.front import Front
from stagewire.serve import _web
from stagewire.service import Service

SCRIPT = '''
"""A user's stage: the sum of a row's numbers."""

import json
import pathlib


def model_fn(model_dir):
    return json.loads((pathlib.Path(model_dir) / "factor.json").read_text())


def predict_fn(data, model):
    numbers = data.select_dtypes("number")
    return numbers.sum(axis=1).to_numpy() * model
'''


@dataclass(frozen=True)
class Reply:
    """An answer, whatever carried it."""

    status: int
    headers: dict
    body: bytes

    @property
    def kind(self):
        """The content type."""
        return self.headers.get("content-type")

    def json(self):
        """The body, read as JSON."""
        return json.loads(self.body)


class InProcess:
    """The ASGI application without a socket, its event loop in a thread of its own."""

    def __init__(self, name, environ):
        self.front = Front(Service(name, settings.read(environ)), _web)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self._run(self.front.service.start())

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    async def _send(self, method, path, body, headers):
        transport = httpx.ASGITransport(app=self.front)
        async with httpx.AsyncClient(transport=transport, base_url="http://stage") as client:
            return await client.request(method, path, content=body, headers=headers)

    def send(self, method, path, body=b"", **headers):
        """Send one request; underscores in header names are dashes."""
        names = {key.replace("_", "-"): value for key, value in headers.items()}
        found = self._run(self._send(method, path, body, names))
        return Reply(found.status_code, dict(found.headers), found.content)

    def close(self):
        """Stop the loop."""
        self.front.service.close()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@dataclass
class Socket:
    """A process of its own on a real port, as an image runs it."""

    name: str
    environ: dict
    port: int
    until: object
    ready: bool = True
    lines: list = field(default_factory=list)

    def __post_init__(self):
        environ = {**os.environ, **self.environ, "SAGEMAKER_BIND_TO_PORT": str(self.port)}
        environ["STAGEWIRE_HOST"] = "127.0.0.1"
        self.process = subprocess.Popen(
            [sys.executable, "-m", self.name, "serve"],
            env=environ,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.reader = threading.Thread(target=lambda: self.lines.extend(self.process.stdout))
        self.reader.start()
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30)
        self.until(self._settled, what=lambda: f"{self.name} answers: {self.lines}")

    def _settled(self):
        if self.process.poll() is not None:
            pytest.fail(f"{self.name} ended with {self.process.returncode}: {self.lines}")
        try:
            ping = self.client.get("/ping").status_code
            if self.ready:
                return ping == HTTPStatus.OK
            return self.client.get("/metadata").json()["state"] == "refused" and ping == 503
        except httpx.TransportError:
            return False

    def send(self, method, path, body=b"", **headers):
        """Send one request; underscores in header names are dashes."""
        names = {key.replace("_", "-"): value for key, value in headers.items()}
        found = self.client.request(method, path, content=body, headers=names)
        return Reply(found.status_code, dict(found.headers), found.content)

    def stop(self):
        """Send SIGTERM; returns the exit status."""
        self.process.terminate()
        status = self.process.wait(30)
        self.reader.join()
        return status

    def close(self):
        """Stop, if it still runs, and let go of everything."""
        self.stop()
        self.client.close()
        self.process.stdout.close()


class InContainer:
    """A container of the stage's image, with what a process and a socket have."""

    def __init__(self, box):
        self.box = box
        self.process = self

    @property
    def lines(self):
        """What it has logged."""
        return self.box.lines

    def send(self, method, path, body=b"", **headers):
        """Send one request; underscores in header names are dashes."""
        names = {key.replace("_", "-"): value for key, value in headers.items()}
        found = self.box.client.request(method, path, content=body, headers=names)
        return Reply(found.status_code, dict(found.headers), found.content)

    def terminate(self):
        """Send SIGTERM."""
        self.box.terminate()

    def wait(self, seconds):
        """Wait for the end; returns the exit status."""
        return self.box.wait_end(seconds)

    def stop(self):
        """Send SIGTERM, if it runs; returns the exit status."""
        if self.box.poll() is None:
            self.terminate()
        return self.wait(30)

    def close(self):
        """Remove it."""
        self.box.close()


CONTAINER = "container"
TRANSPORTS = ("in-process", "socket", pytest.param(CONTAINER, marks=pytest.mark.containers))
STAGES = ("featurizer", "predictor", "script")
# A plain script says nothing of its columns: what a schema refuses, it cannot.
TYPED = ("featurizer", "predictor")


@dataclass(frozen=True)
class Hosted:
    """A running stage, and rows that it takes."""

    stage: str
    server: InProcess | Socket | InContainer
    names: list
    rows: list

    def post(self, body, kind="text/csv", **headers):
        """Invoke it."""
        if isinstance(body, str):
            body = body.encode()
        return self.server.send("POST", "/invocations", body, content_type=kind, **headers)

    def ping(self):
        """Ask whether it is ready."""
        return self.server.send("GET", "/ping")

    @property
    def csv(self):
        """The rows as lines without a header."""
        return ["".join(",".join("" if v is None else str(v) for v in row)) for row in self.rows]

    @property
    def header(self):
        """The names as a header line."""
        return ",".join(self.names)

    @property
    def records(self):
        """The rows as objects."""
        return [dict(zip(self.names, row, strict=True)) for row in self.rows]


@pytest.fixture(scope="session")
def bases(trained, tmp_path_factory):
    """A base directory for each stage."""
    script = tmp_path_factory.mktemp("script")
    (script / "model" / "code").mkdir(parents=True)
    (script / "model" / "code" / "inference.py").write_text(SCRIPT)
    (script / "model" / "factor.json").write_text("2")
    return {
        "featurizer": trained / "featurizer",
        "predictor": trained / "predictor",
        "script": script,
    }


@pytest.fixture(scope="session")
def samples(bases):
    """Names and rows for each stage, from its own golden rows."""
    found = {"script": (["a", "b", "c"], [[1.5, 2.0, 3.25], [4.0, 5.5, 6.0]])}
    for stage in ("featurizer", "predictor"):
        golden = json.loads((bases[stage] / "model" / "manifest.json").read_text())["golden"]
        found[stage] = (golden["input"]["columns"], golden["input"]["data"])
    return found


@pytest.fixture(scope="session")
def process(free_port, until):
    """What starts a stage as a process."""
    return lambda name, environ, **more: Socket(name, environ, free_port(), until, **more)


@pytest.fixture(scope="session")
def host(request, bases, samples, process):
    """What starts a stage over a transport, once a run."""

    @functools.cache
    def begin(stage, transport):
        # A bundle with a program of its own is served by either image.
        name = "featurizer" if stage == "script" else stage
        environ = {"SAGEMAKER_BASE_DIR": str(bases[stage])}
        if transport == CONTAINER:
            # `boxes` removes it, which is begun later here and so ends first.
            box = InContainer(request.getfixturevalue("boxes")(name, environ))
            return Hosted(stage, box, *samples[stage])
        server = InProcess(name, environ) if transport == "in-process" else process(name, environ)
        request.addfinalizer(server.close)
        return Hosted(stage, server, *samples[stage])

    return begin


def every(stages):
    """Parametrize a fixture over stages and transports."""
    pairs = [
        pytest.param((stage, *each.values), id=f"{stage}-{each.values[0]}", marks=each.marks)
        for stage in stages
        for each in (pytest.param(t) if isinstance(t, str) else t for t in TRANSPORTS)
    ]
    return pytest.fixture(params=pairs)


@every(STAGES)
def hosted(request, host):
    """Each stage over each transport."""
    return host(*request.param)


@every(TYPED)
def typed(request, host):
    """Each stage that states its columns, over each transport."""
    return host(*request.param)


@pytest.fixture(params=TRANSPORTS[1:])
def start(request, process):
    """Start a stage as a process or as a container; it is stopped at the end of the test."""

    def begin(name, environ, *, ready=True):
        texts = {key: str(value) for key, value in environ.items()}
        if request.param == CONTAINER:
            server = InContainer(request.getfixturevalue("boxes")(name, texts, ready=ready))
        else:
            server = process(name, texts, ready=ready)
        request.addfinalizer(server.close)
        return server

    return begin


@pytest.fixture
def copied(bases, tmp_path):
    """Copy a stage's base directory, to be harmed."""

    def copy(stage):
        target = tmp_path / stage
        shutil.copytree(bases[stage] / "model", target / "model")
        return Path(target)

    return copy
