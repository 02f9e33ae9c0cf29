"""Real containers and real doors for the tests of local/: uvicorn on sockets of this machine."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import uvicorn

from stagewire_local.bundle import connected
from stagewire_local.door import Door, listen
from stagewire_local.limits import Limits

STUBS = Path(__file__).parent / "stubs"


@dataclass
class Stub:
    """A container in this process: records what it got, answers as the test says."""

    status: int = 200
    content_type: str | None = "text/plain"
    headers: dict = field(default_factory=dict)
    body: bytes | None = None
    behave: object = None
    ping: int = 200
    seen: list = field(default_factory=list)
    url: str = ""

    async def __call__(self, scope, receive, send):
        """Speak ASGI."""
        if scope["path"] == "/ping":
            await send({"type": "http.response.start", "status": self.ping, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.seen.append((scope["method"], scope["path"], headers, body))
        if self.behave is not None:
            await self.behave(receive, send)
            return
        answer = body + b">" if self.body is None else self.body
        lines = [(b"content-length", str(len(answer)).encode())]
        if self.content_type is not None:
            lines.append((b"content-type", self.content_type.encode()))
        lines += [(name.encode(), value.encode()) for name, value in self.headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": lines})
        await send({"type": "http.response.body", "body": answer})

    def got(self, name):
        """Return a header of the last request, or None."""
        return self.seen[-1][2].get(name.lower())


class Slot:
    """A running server whose container can be exchanged: one start for the whole session."""

    def __init__(self):
        listener = listen("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.stub = None
        self.server = uvicorn.Server(
            uvicorn.Config(self.call, interface="asgi3", lifespan="off", ws="none", log_config=None)
        )
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [listener]})
        self.thread.start()

    async def call(self, scope, receive, send):
        """Speak ASGI as the stub that is in."""
        await self.stub(scope, receive, send)


@contextmanager
def opened(door):
    """Run a door on a free port, yield its URL when it is ready."""
    listener = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    ready = threading.Event()
    running = {}

    async def main():
        running["loop"] = asyncio.get_running_loop()
        running["task"] = asyncio.create_task(door.serve(listener, ready=lambda _: ready.set()))
        try:
            running["good"] = await running["task"]
        except asyncio.CancelledError:
            running["good"] = True
        except Exception:
            running["good"] = False
            raise
        finally:
            ready.set()

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    ready.wait()
    try:
        assert running.get("good", True), "the endpoint Failed"
        yield url
    finally:
        if thread.is_alive():
            running["loop"].call_soon_threadsafe(running["task"].cancel)
        thread.join()


@pytest.fixture(scope="session")
def slots():
    """Give the servers of stub containers, as many as the test with the most of them needs."""
    found = []
    yield found
    for slot in found:
        slot.server.should_exit = True
    for slot in found:
        slot.thread.join()


@pytest.fixture
def stubs(slots):
    """Give a function that starts one stub container for each argument, once a test."""

    def start(*each):
        while len(slots) < len(each):
            slots.append(Slot())
        for slot, stub in zip(slots, each, strict=False):
            slot.stub = stub
            stub.url = slot.url
        return each

    return start


@pytest.fixture
def stub():
    """Give the class of a stub container."""
    return Stub


@pytest.fixture
def door(tmp_path):
    """Give a function that opens a door before bundles, and returns its URL."""
    with ExitStack() as stack:

        def start(*bundles, limits=None, **rules):
            each = Door(
                bundles=bundles,
                root=tmp_path / "door",
                environ=environ(),
                limits=limits or Limits(start_seconds=20),
                **rules,
            )
            return stack.enter_context(opened(each))

        start.close = stack.close
        yield start


@pytest.fixture
def chained(stubs, door):
    """Give a function that puts a door before stub containers, as the endpoint `pipe`."""

    def start(*each, limits=None, **rules):
        urls = ",".join(stub.url for stub in stubs(*each))
        return door(connected(f"pipe={urls}"), limits=limits, **rules)

    return start


@pytest.fixture
def client():
    """Give an HTTP client that adds no Accept of its own."""
    with httpx.Client(timeout=30, headers={"Accept": ""}) as client:
        del client.headers["Accept"]
        yield client


@pytest.fixture
def archive(tmp_path, packed):
    """Give a function that writes a model archive from names and contents."""

    def write(name, files):
        path = tmp_path / name
        path.write_bytes(packed(files))
        return path

    return write


@pytest.fixture
def model(archive):
    """Give a function that writes an archive for a stage, with a manifest."""

    def write(name="a.tar.gz", *, stage="stub", **files):
        manifest = json.dumps({"stage": stage}).encode()
        return archive(name, {"manifest.json": manifest, **files})

    return write


def environ(**more):
    """Name what a process needs to find the stubs and this room, installed or not."""
    path = os.pathsep.join([str(STUBS), *filter(None, sys.path)])
    return {"PATH": os.environ["PATH"], "PYTHONPATH": path, **more}


def installed(folder):
    """Make the environment of a program under test, with the stub as an installed stage."""
    info = folder / "installed" / "stub_stage-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stub-stage\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[stagewire.stages]\nstub = stub_stage\n")
    found = environ(STAGEWIRE_HOME=str(folder / "home"), HOME=str(folder))
    found["PYTHONPATH"] += os.pathsep + str(info.parent)
    return found


@pytest.fixture
def environment(tmp_path):
    """Give the environment of a program under test, with the stub as an installed stage."""
    return installed(tmp_path)


@pytest.fixture
def run(environment):
    """Give a function that runs a command to its end, its output in a pipe."""

    def call(*words):
        return subprocess.run(
            [sys.executable, "-m", "stagewire_local", *words],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return call


@dataclass
class Box:
    """A running `local up` in a process of its own, and boto3's clients for it."""

    url: str
    port: int
    environment: dict
    clients: object

    def client(self, service, **config):
        """Return boto3's client."""
        return self.clients(self.url, service, **config)


@pytest.fixture(scope="session")
def box(tmp_path_factory, free_port, clients):
    """SageMaker on this machine, empty, as `stagewire local up` starts it: one for all tests."""
    environment = installed(tmp_path_factory.mktemp("box"))
    number = free_port()
    words = ["up", f"--port={number}", "--start-seconds=20"]
    process = subprocess.Popen(
        [sys.executable, "-m", "stagewire_local", *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    line = process.stdout.readline()
    assert line.startswith("The door is open"), "the box did not start"
    yield Box(f"http://127.0.0.1:{number}", number, environment, clients)
    process.terminate()
    process.wait(timeout=60)
    process.stdout.close()
