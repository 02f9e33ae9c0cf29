"""`stagewire invoke` with an endpoint that is busy, refuses, dies, or is too slow or too small."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading

import pytest
from runtime_server import CSV, FILE, fault, named, refusal, served

# How AWS words what does not fit between two containers.
HOP = (
    "Received response from a with status code 200. However, the request payload from a to b is "
    "6000000 bytes, which has exceeded the maximum limit of 5 MB."
)
BUSY = {
    "a busy container": refusal(503, "busy"),
    "throttling": fault(400, "ThrottlingException"),
    "no capacity": fault(503, "ServiceUnavailable"),
    "not ready": fault(429, "ModelNotReadyException"),
    "a lost connection": None,
}
REFUSED = {
    "one JSON value": (lambda n, b: (200, {"Content-Type": "application/json"}, b"[1]"), FILE, "--accept"),
    "too few answers": (lambda n, b: (200, CSV, b"1,2,3\n"), FILE.partition("\n")[2], "fits one request"),
    "no telling": (lambda n, b: (200, CSV, b"1\n" * b.count("\n")), FILE, "header=present"),
    "other columns": (
        lambda n, b: named(n, b.replace("kind", "sort") if n else b),
        FILE,
        "size,sort,prediction here and were size,kind,prediction before",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BUSY)
def test_what_may_pass_is_tried_again(invoke, case):
    """A busy or lost endpoint is asked once more, and no row is lost or doubled."""
    with served(lambda n, body: BUSY[case] if n in {0, 3} else named(n, body)) as server:
        ended, answer = invoke(server)

    assert ended.exit_code == 0, ended.stderr
    assert answer == named(0, FILE)[2].decode()


def test_a_refusal_is_final_and_says_where_and_what_was_written(invoke):
    """A 4xx is sent once; the lines, and the whole answers before them, are named."""
    rows = [{"row": 2, "column": "size", "value": "x", "reason": "is not a number"}]
    told = {"code": "bad_rows", "message": "1 of 9", "stage": "featurizer", "rows": rows}
    text = FILE.replace("\n70,", "\nx,")

    def answer(number, body):
        if "\nx," not in body:
            return named(number, body)
        place = body.splitlines().index("x,k70") - 1
        original = {"error": {**told, "rows": [{**rows[0], "row": place}]}}
        return refusal(422, "no", OriginalMessage=json.dumps(original))

    with served(answer) as server:
        ended, found = invoke(server, "--concurrency", "1", text=text)

    assert ended.exit_code == 1
    assert sum("\nx," in body for body in server.bodies) == 1
    assert named(0, FILE)[2].decode().startswith(found)
    assert f"answers to the first {len(found.splitlines()) - 1} rows" in ended.stderr
    assert ended.stderr.splitlines()[-1].split()[:4] == ["70", "72", "size", "x"]
    assert "lines" in ended.stderr


def test_an_endpoint_that_dies_midway_leaves_whole_answers(invoke):
    """When tries are used up the command ends with 1 and says how far it came."""
    with served(lambda n, body: named(n, body) if n < 3 else None) as server:
        ended, found = invoke(server, "--tries", "2", "--concurrency", "1")

    assert ended.exit_code == 1
    assert server.bodies[3] == server.bodies[4]
    assert "onnection" in ended.stderr
    assert named(0, FILE)[2].decode().startswith(found)
    assert found.endswith("\n")


def test_what_is_too_large_is_sent_in_halves(invoke):
    """Features may be wider than rows: where a hop is too narrow, chunks are cut until they pass."""

    def answer(number, body):
        return refusal(200, HOP) if len(body) > 60 else named(number, body)

    with served(answer) as server:
        ended, found = invoke(server, "--concurrency", "1")

    assert ended.exit_code == 0, ended.stderr
    assert found == named(0, FILE)[2].decode()
    # Only what was cut before the first refusal, and its halves, is refused.
    assert sum(len(body) > 60 for body in server.bodies) <= 8


def test_one_row_that_is_too_large_is_named(invoke):
    """What cannot be halved is refused by its line."""
    with served(lambda n, body: refusal(200, HOP) if "k50" in body else named(n, body)) as server:
        ended, _ = invoke(server)

    assert ended.exit_code == 1
    assert "lines 52 to 52 of the file" in ended.stderr
    assert "maximum limit of 5 MB" in ended.stderr


def test_a_model_that_is_too_slow_for_a_chunk_is_told_of_smaller_ones(invoke):
    """The platform gives a container 60 s; the option that shortens a request is named."""
    slow = refusal(0, "Your invocation timed out while waiting for a response from container b.")

    with served(lambda number, body: slow) as server:
        ended, _ = invoke(server)

    assert ended.exit_code == 1
    assert "send less at once with --chunk" in ended.stderr.replace("\n", " ")


@pytest.mark.parametrize("case", REFUSED)
def test_answers_that_cannot_be_joined_are_refused(invoke, case):
    """What would lose or double a row ends the command instead."""
    answer, text, told = REFUSED[case]

    with served(answer) as server:
        ended, _ = invoke(server, text=text)

    assert ended.exit_code == 1
    assert told in ended.stderr.replace("\n", " ")


def test_ctrl_c_leaves_whole_answers_and_waits_for_none(tmp_path, environ):
    """An interrupted command says what was written and ends though a request is out."""
    held, free = threading.Event(), threading.Event()
    rows, out = tmp_path / "rows.csv", tmp_path / "out"
    rows.write_text(FILE)

    def answer(number, body):
        if number == 3:
            held.set()
            free.wait(300)
        return named(number, body)

    with served(answer) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        command = ["invoke", "any", str(rows), "--endpoint-url", url, "--out", str(out)]
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "stagewire_pipeline",
                *command,
                "--chunk",
                "200",
                "--concurrency",
                "1",
            ],
            env={**environ, "PYTHONUNBUFFERED": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert held.wait(60)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
        free.set()  # only now can the request that is out be answered

    assert process.returncode == 1
    assert "the complete answers to the first" in told
    assert "Traceback" not in told
    assert named(0, FILE)[2].decode().startswith(out.read_text())
