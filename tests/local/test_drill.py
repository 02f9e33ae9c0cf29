"""Containers, instances and the door die under 64 clients: everybody gets an answer or an error."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stagewire_local.bundle import served
from stagewire_local.limits import Limits

DRILL = Path(__file__).parents[2] / "bench" / "drill.py"
CLEAN = {"answer", "ModelError", "ServiceUnavailable"}


@pytest.fixture(scope="module")
def report():
    """What the drill says of a thousand requests in each of its parts."""
    done = subprocess.run(
        [sys.executable, str(DRILL), "--requests=1000", "--json"],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("drill", ["container", "instance"])
def test_every_request_has_its_own_answer_or_a_clean_error(report, drill):
    """None hangs, none gets another's answer, most are answered, and the endpoint heals."""
    found = report[drill]

    assert set(found["seen"]) <= CLEAN
    assert sum(found["seen"].values()) == found["requests"] >= 1000
    assert found["seen"]["answer"] > 500
    assert found["longest_s"] < 60
    assert found["heal_s"] > 0


def test_a_killed_door_gives_nobody_a_wrong_answer_and_leaves_no_container(report):
    """Its clients see that the connection is lost; the warden ends the processes."""
    found = report["door"]

    assert set(found["seen"]) <= CLEAN | {"connection"}
    assert found["seen"]["connection"] > 0
    assert found["seen"]["answer"] > 0
    assert "emptied_s" in found


def test_a_container_that_freezes_is_replaced_and_its_request_ends(door, model, client):
    """It neither dies nor answers: the request ends with its time, the pings find out the rest."""
    limits = Limits(
        start_seconds=20,
        stop_seconds=0.5,
        reply_seconds=1,
        ping_seconds=0.5,
        watch_seconds=0.1,
        watch_misses=2,
    )
    modules = {"stub": "stub_stage"}
    url = door(served(f"pipe={model()}", known=modules), modules=modules, limits=limits)
    pid = client.post(f"{url}/invocations", content=b"x").json()["pid"]

    os.kill(pid, signal.SIGSTOP)
    statuses = [client.post(f"{url}/invocations", content=b"x").status_code]
    while statuses[-1] != 200:
        statuses.append(client.post(f"{url}/invocations", content=b"x").status_code)

    assert statuses[0] in {424, 503}
    assert set(statuses) <= {200, 424, 503}
    assert client.post(f"{url}/invocations", content=b"x").json()["pid"] != pid
