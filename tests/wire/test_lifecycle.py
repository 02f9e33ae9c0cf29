"""How a stage starts, and how it stops with requests in flight."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

SLOW = """
import os
import pathlib
import time

gate = pathlib.Path(os.environ["GATE"])


def model_fn(model_dir):
    return None


def predict_fn(data, model):
    (gate / "entered").open("a").write("x")
    while not (gate / "open").exists():
        time.sleep(0.01)
    return data.sum(axis=1).to_numpy()
"""


@pytest.fixture
def slow(tmp_path):
    """A bundle whose predict_fn waits until a file is there."""
    code = tmp_path / "base" / "model" / "code"
    code.mkdir(parents=True)
    (code / "inference.py").write_text(SLOW)
    return tmp_path


def entered(folder, count):
    """Tell whether that many requests have reached predict_fn."""
    mark = folder / "entered"
    return mark.exists() and len(mark.read_text()) >= count


@pytest.mark.parametrize("stage", ["featurizer", "predictor"])
def test_a_start_by_a_plan_imports_what_serves(stage, start, bases, capfd):
    """No library of the model, no search through what is installed, no parser of commands."""
    server = start(stage, {"SAGEMAKER_BASE_DIR": bases[stage], "PYTHONPROFILEIMPORTTIME": "1"})
    server.stop()

    lines = [*server.lines, *capfd.readouterr().err.splitlines()]  # a container's log has both
    imported = {line.rpartition("|")[2].strip() for line in lines}

    spared = {"argparse", "importlib.metadata", "numpy.ma", "stagewire.training"}
    libraries = {"featurizer.preprocess", "joblib", "pandas", "pyarrow", "sklearn", "xgboost"}
    assert {"numpy", "uvicorn", f"{stage}.stage"} <= imported
    assert not imported & (spared | libraries)


def test_sigterm_answers_what_is_in_flight_and_exits_0(slow, start, until):
    """SageMaker sends SIGTERM and counts to 30; nobody's request is lost meanwhile."""
    server = start(
        "predictor", {"SAGEMAKER_BASE_DIR": slow / "base", "GATE": slow, "STAGEWIRE_THREADS": 4}
    )
    with ThreadPoolExecutor(4) as pool:
        kind = {"content_type": "text/csv"}
        sent = [
            pool.submit(server.send, "POST", "/invocations", f"{i},1".encode(), **kind)
            for i in range(4)
        ]
        until(lambda: entered(slow, 4))

        server.process.terminate()
        (slow / "open").touch()
        replies = [future.result(30) for future in sent]

    assert [(reply.status, reply.body) for reply in replies] == [
        (200, f"{i + 1}.0\n".encode()) for i in range(4)
    ]
    assert server.process.wait(30) == 0


def test_ping_answers_while_all_threads_are_busy(slow, start, until):
    """A health check waits for nobody's work."""
    server = start(
        "predictor", {"SAGEMAKER_BASE_DIR": slow / "base", "GATE": slow, "STAGEWIRE_THREADS": 1}
    )
    with ThreadPoolExecutor(3) as pool:
        kind = {"content_type": "text/csv"}
        sent = [pool.submit(server.send, "POST", "/invocations", b"1,1", **kind) for _ in range(3)]
        until(lambda: entered(slow, 1))

        assert server.send("GET", "/ping").status == 200
        (slow / "open").touch()
        assert {future.result(30).status for future in sent} == {200}


def test_a_request_over_the_deadline_is_a_503_that_says_so(slow, start):
    """Nobody waits longer than the server's timeout; the stage goes on."""
    environ = {"SAGEMAKER_BASE_DIR": slow / "base", "GATE": slow, "MODEL_SERVER_TIMEOUT": "0.2"}
    server = start("predictor", environ)

    reply = server.send("POST", "/invocations", b"1,1", content_type="text/csv")
    (slow / "open").touch()

    assert (reply.status, reply.json()["error"]["code"]) == (503, "deadline_exceeded")
    assert reply.headers["retry-after"] == "1"


def served(environ, stage="featurizer"):
    """Serve a stage that will not start, and wait for its end."""
    return subprocess.run(
        [sys.executable, "-m", stage, "serve"],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("stage", ["featurizer", "predictor"])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("SAGEMAKER_BIND_TO_PORT", "eighty"),
        ("SAGEMAKER_SAFE_PORT_RANGE", "9-1"),
        ("MODEL_SERVER_WORKERS", "0"),
        ("SAGEMAKER_MAX_PAYLOAD_IN_MB", "-1"),
        ("STAGEWIRE_BAD_ROWS", "guess"),
        ("STAGEWIRE_HOST", "no host"),
        ("STAGEWIRE_HOST", "no..host"),
        ("STAGEWIRE_HOST", "192.0.2.1"),  # RFC 5737: nobody's
    ],
)
def test_a_bad_setting_stops_the_start_by_name(stage, key, value):
    """The last line of the log names key and value; the exit status is 2."""
    done = served({key: value}, stage)

    line = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 2
    assert key in line["message"]
    assert value in line["message"]


@pytest.mark.parametrize(
    ("key", "workers"),
    [
        ("SAGEMAKER_BIND_TO_PORT", "1"),
        ("SAGEMAKER_BIND_TO_PORT", "2"),
        ("STAGEWIRE_METRICS_PORT", "1"),
    ],
)
def test_a_port_that_is_taken_stops_the_start_by_name(key, workers):
    """One line, before anything is loaded: no traceback, and no key left to guess."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        environ = {"STAGEWIRE_HOST": "127.0.0.1", "MODEL_SERVER_WORKERS": workers, key: port}
        done = served(environ)

    (line,) = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (2, "")
    assert f"{key} has the value '{port}'" in json.loads(line)["message"]


def test_a_slip_in_a_key_is_warned_of(bases, start):
    """A setting that nobody reads would silently not be made."""
    environ = {"SAGEMAKER_BASE_DIR": bases["featurizer"], "STAGEWIRE_ALOW_SKEW": "1"}
    server = start("featurizer", environ)
    server.stop()

    found = [json.loads(line) for line in server.lines]
    assert [line["message"] for line in found if line["level"] == "WARNING"] == [
        "STAGEWIRE_ALOW_SKEW is no setting of a stage, and is ignored"
    ]


def test_logs_are_json_lines_without_payload(bases, samples, start):
    """Each line is an object with the request's id; nothing of the rows is in it."""
    server = start(
        "predictor", {"SAGEMAKER_BASE_DIR": bases["predictor"], "STAGEWIRE_ACCESS_LOG": "1"}
    )
    body = ",".join(["987654.25"] * len(samples["predictor"][0]))

    server.send("POST", "/invocations", body.encode(), content_type="text/csv", x_request_id="id-1")
    server.send("POST", "/invocations", b"secret,row", content_type="text/csv", x_request_id="id-2")
    server.stop()

    lines = [json.loads(line) for line in server.lines]
    assert {line["request_id"] for line in lines if "request_id" in line} == {"id-1", "id-2"}
    assert not any(word in "".join(server.lines) for word in ("987654", "secret"))


def test_metrics_have_a_port_of_their_own_when_asked(bases, start, port):
    """A second port serves metrics and nothing else."""
    start("predictor", {"SAGEMAKER_BASE_DIR": bases["predictor"], "STAGEWIRE_METRICS_PORT": port})

    assert "stagewire_request_seconds" in httpx.get(f"http://127.0.0.1:{port}/metrics").text


def test_several_workers_answer_on_one_port(bases, samples, start):
    """Workers are spawned and load the model themselves: a forked Booster hangs."""
    environ = {"SAGEMAKER_BASE_DIR": bases["predictor"], "SAGEMAKER_MODEL_SERVER_WORKERS": 2}
    server = start("predictor", environ)
    body = ",".join(str(value) for value in samples["predictor"][1][0]).encode()

    replies = {
        server.send("POST", "/invocations", body, content_type="text/csv").body for _ in range(20)
    }

    assert len(replies) == 1
    assert server.stop() == 0
