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
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["engines"]

# A shared machine is slow at odd moments: an example is judged by its result, never by its time.
settings.register_profile("stagewire", deadline=None)
# The same examples in each run, so that CI blames the change and not the draw.
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "stagewire")

# A run in the background of a shell script has Ctrl-C ignored, and so would have every program that
# is interrupted here; a handler of our own is not handed down, and theirs is the system's again.
signal.signal(signal.SIGINT, signal.default_int_handler)


def until(condition, *, seconds=60, what="the condition holds"):
    """Wait for what has no event; returns what the condition is then, or fails with `what` never was.

    A function says so at the end, when there is more to tell.
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
                aws_secret_access_key="none",  # noqa: S106 (nobody checks it)
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
