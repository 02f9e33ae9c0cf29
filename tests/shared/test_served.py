from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

PROGRAM = """
import json, sys

def model_fn(model_dir):
    return 2

def transform_fn(model, body, content_type, accept):
    if body.startswith("/"):
        open(body).read()
    return json.dumps(sorted(sys.modules)), "application/json"
"""
SERVE = "from stagewire.main import main; raise SystemExit(main('stub', ['serve']))"
CSV = {"content-type": "text/csv"}


@pytest.fixture
def start(tmp_path, port):
    """Serve a user's program as a process of its own; gives the process and a client."""
    started = []

    def make(source: str | None = PROGRAM, **environ: str):
        code = tmp_path / "model" / "code"
        code.mkdir(parents=True)
        if source:
            (code / "inference.py").write_text(source)
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE],
            env={
                **os.environ,
                "SAGEMAKER_BASE_DIR": str(tmp_path),
                "SAGEMAKER_BIND_TO_PORT": str(port),
                "STAGEWIRE_HOST": "127.0.0.1",
                **environ,
            },
            stdout=subprocess.PIPE,
            text=True,
        )
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)
        started.append((process, client))
        return process, client

    yield make
    for process, client in started:
        client.close()
        process.kill()
        process.communicate()


@pytest.fixture
def pinged(until):
    """Ask /ping until it has a status; nothing tells when another process listens."""

    def ask(client: httpx.Client, status: int) -> httpx.Response:
        def answered() -> httpx.Response | None:
            with contextlib.suppress(httpx.ConnectError):
                found = client.get("/ping")
                if found.status_code == status and "is loading" not in found.text:
                    return found
            return None

        # A machine may be busy.
        return until(answered, seconds=90, what=f"/ping answers {status}")

    return ask


@pytest.fixture
def marks(tmp_path, until):
    """Wait until that many processes have left their mark; returns their ids."""

    def read(name: str, count: int) -> list[int]:
        def found() -> list[str]:
            path = tmp_path / name
            lines = path.read_text().split() if path.exists() else []
            return lines if len(lines) >= count else []

        return [int(line) for line in until(found, what=f"{name} is marked {count} times")]

    return read


def stated_length(port: int, length: int) -> int:
    """Announce a body, send none of it, and return the status that is answered all the same."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest("POST", "/invocations")
    connection.putheader("Content-Type", "text/csv")
    connection.putheader("Content-Length", str(length))
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_stage_over_a_socket(start, pinged):
    """One process: lean until the web app is asked for, one error shape, SIGTERM is a clean end."""
    process, client = start()

    pinged(client, 200)
    lean = client.post("/invocations", content="modules", headers=CSV).json()
    stated = stated_length(client.base_url.port, 26 << 20)
    large = client.post("/invocations", content=b"x" * (26 << 20), headers=CSV)
    chunked = client.post("/invocations", content=iter([b"x" * (1 << 20)] * 26), headers=CSV)
    missing = client.get("/nowhere").json()
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=30)

    assert not {"fastapi", "pydantic", "prometheus_client", "pandas", "pyarrow"} & set(lean)
    assert (stated, large.status_code, chunked.status_code) == (413, 413, 413)
    assert missing["error"]["code"] == "not_found"
    assert process.returncode == 0
    assert all(json.loads(line)["stage"] == "stub" for line in out.splitlines())


def test_requests_in_flight_are_answered_after_sigterm(start, pinged, tmp_path):
    """The server drains: what it took, it answers, then it exits with 0."""
    process, client = start()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    pinged(client, 200)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.post, "/invocations", content=str(pipe), headers=CSV)
        with pipe.open("w"):  # opens when the stage has opened its end
            process.send_signal(signal.SIGTERM)
        found = waiting.result(30)

    assert found.status_code == 200
    assert process.wait(30) == 0


def test_work_that_nobody_waits_for_holds_no_end_up(start, pinged, tmp_path):
    """A thread that never comes back kept the process alive until SIGKILL."""
    process, client = start(MODEL_SERVER_TIMEOUT="0.2")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    pinged(client, 200)
    found = client.post("/invocations", content=str(pipe), headers=CSV)
    process.send_signal(signal.SIGTERM)

    assert found.json()["error"]["code"] == "deadline_exceeded"
    assert process.wait(30) == 0


def test_a_refused_model_is_served_as_a_reason(start, pinged):
    """A broken program keeps the process alive, /ping at 503, and the reason in three places."""
    process, client = start("import no_such_module_here\n")

    ping = pinged(client, 503)
    metadata = client.get("/metadata").json()
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=30)

    assert "no_such_module_here" in ping.json()["error"]["message"]
    assert (metadata["state"], metadata["stage"]) == ("refused", "stub")
    assert "no_such_module_here" in out


PRINTS = """
import logging, os, pathlib, sys, threading

logging.getLogger().addHandler(logging.StreamHandler(sys.stdout))
print("at", "import")

def model_fn(model_dir):
    with pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"], "loaded").open("a") as file:
        file.write(f"{os.getpid()}\\n")
    return 2

def transform_fn(model, body, content_type, accept):
    print("two\\nlines, half a", end=" ", flush=True)
    sys.stdout.writelines(["li", "ne\\n", "\\n"])
    logging.warning("heard")
    for thread in (threading.Thread(target=lambda: 1 / 0), threading.Thread(target=sys.exit)):
        thread.start()
        thread.join()
    return f"{sys.stdout.encoding} {sys.stdout.fileno()}"
"""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_a_program_prints_is_lines_of_the_log(start, pinged, marks, workers):
    """All of stdout is JSON lines, also where a program's own handler writes there."""
    process, client = start(PRINTS, MODEL_SERVER_WORKERS=workers)
    pinged(client, 200)
    marks("loaded", int(workers))

    found = client.post("/invocations", content="", headers=CSV).text
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=30)

    lines = [json.loads(line) for line in out.splitlines()]
    said = [line["message"] for line in lines if line["logger"] == "stdout"]
    assert found.split() == [sys.stdout.encoding, "1"]
    assert said.count("at import") == int(workers)
    assert [line for line in said if line not in {"at import", "loaded"}][:4] == [
        "two",
        "lines, half a ",
        "line",
        "heard",
    ]
    assert sum(line["message"] == "heard" and line["logger"] == "root" for line in lines) == 1
    (uncaught,) = (line for line in lines if line["level"] == "CRITICAL")
    assert "ZeroDivisionError" in uncaught["traceback"]


COLLECTS = """
import gc

gc.disable()  # as a stage's program does while it is imported

def model_fn(model_dir):
    return 2

def transform_fn(model, body, content_type, accept):
    return f"{gc.isenabled()}", "text/csv"
"""


def test_garbage_is_collected_once_a_stage_is_loaded(start, pinged):
    """Which a start puts off, and a server cannot do without."""
    _, client = start(COLLECTS)
    pinged(client, 200)

    assert client.post("/invocations", content=b"", headers=CSV).text == "True"


def test_a_warm_start_loads_in_the_background(start, pinged, until):
    """After the first ready ping pandas, Arrow and the web app come without anybody's request."""
    _, client = start(STAGEWIRE_START="warm")
    wanted = {"fastapi", "pandas", "pyarrow"}

    def loaded() -> bool:
        return wanted <= set(client.post("/invocations", content="x", headers=CSV).json())

    pinged(client, 200)

    assert until(loaded, what=f"{wanted} are loaded")


WORKERS = """
import os, pathlib, time

base = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])

def wait(name):
    while not (base / name).exists():
        time.sleep(0.01)

def mark(name):
    with (base / name).open("a") as file:
        file.write(f"{os.getpid()}\\n")

def model_fn(model_dir):
    try:
        (base / "first").touch(exist_ok=False)
    except FileExistsError:
        mark("loading")
        wait("go")
    mark("loaded")

def transform_fn(model, body, content_type, accept):
    mark("entered")
    wait(body)
    return str(os.getpid()), "text/plain"
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_workers_are_ready_one_by_one_and_replaced_when_they_die(
    start, pinged, marks, gone, tmp_path
):
    """No ping is 503 after one was 200; a killed worker has a successor, and the log both; SIGTERM ends all."""
    process, client = start(WORKERS, MODEL_SERVER_WORKERS="2")
    url = client.base_url

    pinged(client, 200)
    (late,) = marks("loading", 1)
    pings = {httpx.get(f"{url}/ping").status_code for _ in range(30)}
    (tmp_path / "go").touch()
    first, second = marks("loaded", 2)
    os.kill(first, signal.SIGKILL)
    third = marks("loaded", 3)[2]
    answer = httpx.post(f"{url}/invocations", content="go", headers=CSV, timeout=30)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)

    (death,) = (line for line in map(json.loads, out.splitlines()) if "exitcode" in line)
    assert (death["level"], death["worker"], death["exitcode"]) == ("ERROR", first, -9)
    assert death["successor"] == third
    assert pings == {200}
    assert (second, len({first, second, third, process.pid})) == (late, 4)
    assert int(answer.text) in {second, third}
    assert process.returncode == 0
    assert all(gone(pid) for pid in (first, second, third))


def test_all_workers_answer_what_they_took_before_they_end(start, pinged, marks, tmp_path):
    """SIGTERM to the one process that the platform knows drains every worker."""
    (tmp_path / "go").touch()
    process, client = start(WORKERS, MODEL_SERVER_WORKERS="2", STAGEWIRE_THREADS="8")
    url = f"{client.base_url}/invocations"

    pinged(client, 200)
    marks("loaded", 2)
    with ThreadPoolExecutor(8) as pool:
        sent = [
            pool.submit(httpx.post, url, content="finish", headers=CSV, timeout=60)
            for _ in range(8)
        ]
        marks("entered", 8)
        process.send_signal(signal.SIGTERM)
        (tmp_path / "finish").touch()
        statuses = [future.result(60).status_code for future in sent]

    assert statuses == [200] * 8
    assert process.wait(60) == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_workers_end_when_their_parent_is_killed(start, pinged, marks, gone, tmp_path):
    """Nobody is left to hold the port."""
    (tmp_path / "go").touch()
    process, client = start(WORKERS, MODEL_SERVER_WORKERS="2")

    pinged(client, 200)
    workers = marks("loaded", 2)
    process.kill()
    process.communicate(timeout=60)

    assert all(gone(pid) for pid in workers)
