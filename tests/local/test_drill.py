"""Containers, instances and the door die under 64 clients: everybody gets an answer or an error."""

from __future__ import annotations

import os
import signal

from stagewire_local.bundle import served
from stagewire_local.limits import Limits


def test_every_request_has_its_own_answer_or_a_clean_error(drill):
    """None hangs, none gets another's answer, the endpoint heals, and a killed door leaves nothing."""
    report = drill()

    assert list(report) == ["container", "instance", "door"]
    assert all(found["requests"] >= 1000 for found in report.values())
    assert all(report[name]["heal_s"] > 0 for name in ("container", "instance"))
    assert report["door"]["seen"]["answer"] > 0


def test_a_container_that_freezes_is_replaced_and_its_request_ends(door, model, client, until):
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
    statuses = []

    def answered():
        statuses.append(client.post(f"{url}/invocations", content=b"x").status_code)
        return statuses[-1] == 200

    until(answered)

    assert statuses[0] in {424, 503}
    assert set(statuses) <= {200, 424, 503}
    assert client.post(f"{url}/invocations", content=b"x").json()["pid"] != pid
