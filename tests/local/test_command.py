"""The commands `local up|down|status` as a user runs them: wrong input first, then the real thing."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest


@pytest.fixture
def up(environment, port):
    """Give a function that starts a door in the foreground and waits until it says so."""
    started = []

    def call(*words):
        process = subprocess.Popen(
            [sys.executable, "-m", "stagewire_local", "up", f"--port={port}", *words],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        lines = []
        while not lines or not lines[-1].startswith(("  curl", "The door is open")):
            lines.append(process.stdout.readline())
            assert lines[-1], "the door ended before it was ready"
        return process, f"http://127.0.0.1:{port}", lines

    yield call
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--serve", "nothing"], "'nothing' is not of the form NAME="),
        (["--serve", "a_b=x.tar.gz"], "'a_b' is not an endpoint name"),
        (["--serve", "a="], "'a=' is not of the form"),
        (["--serve", "a=" + ",".join("x" * 16)], "16 containers; a pipeline has at most 15"),
        (["--serve", "a=missing.tar.gz"], "missing.tar.gz does not exist"),
        (["--serve", "a=stub=missing.tar.gz"], "missing.tar.gz does not exist"),
        (["--connect", "a=ftp://b"], "'ftp://b' is not a container's URL"),
        (["--connect", "a=http://b:x"], "'http://b:x' is not a container's URL"),
        (["--connect", "a=http://b:0"], "'http://b:0' is not a container's URL"),
        (["--connect", "a=http://u:p@b:1"], "'http://u:p@b:1' is not a container's URL"),
        (["--connect", "a=http://b:1#c"], "'http://b:1#c' is not a container's URL"),
        (["--connect", "a=http://b", "--connect", "a=http://c"], "'a' is given twice"),
        (["--host", "0.0.0.0"], "--host 0.0.0.0 is for --connect only"),  # noqa: S104 (refused)
        (["--host", "::1", "--serve", "a=x"], "--host ::1 is for --connect only"),
        (["--port", "0"], "0 is not in the range"),
        (["--env", "novalue"], "'novalue' is not of the form KEY=VALUE"),
        (["--driver", "podman"], "'podman' is not one of"),
        (["--hop-accept", "text/csv"], "'text/csv' is not one of"),
    ],
)
def test_wrong_words_are_one_clear_error(run, words, message):
    """Nothing is started, the exit code is not 0, and no traceback is shown."""
    result = run("up", *words)

    assert result.returncode != 0
    assert message in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"other.txt": b""}, "does not say which stage it is for; write IMAGE=m.tar.gz"),
        ({"manifest.json": b"{"}, "manifest.json is not JSON"),
        ({"manifest.json": b"[]"}, "manifest.json is not an object"),
        ({"manifest.json": b"{}"}, "manifest.json names no stage"),
    ],
)
def test_an_archive_of_no_known_stage_is_an_error_that_names_it(run, archive, files, message):
    """The user learns which file, and what to write instead."""
    path = archive("m.tar.gz", files)

    result = run("up", "--serve", f"a={path}")

    assert result.returncode != 0
    assert message in result.stderr
    assert "m.tar.gz" in result.stderr


def test_a_file_that_is_no_archive_is_an_error_that_names_it(run, tmp_path):
    """A CSV is no model."""
    path = tmp_path / "m.tar.gz"
    path.write_text("a,b\n")

    result = run("up", "--serve", f"a={path}")

    assert result.returncode != 0
    assert f"{path} cannot be unpacked" in result.stderr


def test_a_taken_port_is_one_clear_line(run, port):
    """It says who to ask, and nothing else is printed."""
    with socket.create_server(("127.0.0.1", port)):
        result = run("up", f"--port={port}")

    assert result.returncode == 1
    assert result.stderr == (
        f"Error: cannot listen on 127.0.0.1:{port}: Address already in use; "
        "choose another one with --port\n"
    )


def test_what_the_control_plane_refuses_is_one_clear_line(run, model, port):
    """What is served obeys the same rules as what a caller creates."""
    result = run("up", f"--port={port}", "--serve", f"a={model()}", f"--env=A={'x' * 33000}")

    assert result.returncode == 1
    assert "which exceeds the maximum of 32768 bytes" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_missing_engine_is_one_clear_line(run, environment, port, tmp_path):
    """It says where the engine was looked for, and what else can be done."""
    environment["DOCKER_HOST"] = f"unix://{tmp_path}/nobody.sock"

    result = run("up", f"--port={port}", "--driver=docker")

    assert result.returncode == 1
    assert f"no Docker Engine answers at unix://{tmp_path}/nobody.sock" in result.stderr
    assert "Traceback" not in result.stderr


def test_down_and_status_without_a_door_say_so(run, port):
    """Both exit with an error."""
    for word in ("down", "status"):
        result = run(word, f"--port={port}")

        assert result.returncode == 1
        assert "no door" in result.stderr


def test_a_home_that_cannot_be_written_is_named(run, environment, tmp_path, port):
    """The error says which setting to change."""
    (tmp_path / "file").write_text("")
    environment["STAGEWIRE_HOME"] = str(tmp_path / "file" / "home")

    result = run("up", f"--port={port}")

    assert result.returncode == 1
    assert "set STAGEWIRE_HOME" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_stage_that_ends_at_once_fails_the_start_with_its_last_lines(run, model, port):
    """The reason is the platform's sentence, the exit code, and what the container wrote."""
    path = model(broken=b"")

    result = run("up", f"--port={port}", "--serve", f"a={path}")

    assert result.returncode == 1
    assert "The primary container for production variant AllTraffic did not pass the ping" in (
        result.stderr
    )
    assert "(exited with code 1)" in result.stderr
    assert "the model is broken" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_stage_that_never_is_ready_fails_when_its_time_is_over(run, model, port):
    """The reason says what /ping answered."""
    path = model(never_ready=b"")

    result = run("up", f"--port={port}", "--start-seconds=1", "--serve", f"a={path}")

    assert result.returncode == 1
    assert "(/ping answers 503 1 s after the start)" in result.stderr


def test_an_image_that_is_not_installed_fails_the_start(run, archive, port):
    """The error lists the stages that are."""
    path = archive("m.tar.gz", {"x": b""})

    result = run("up", f"--port={port}", "--serve", f"a=nobody={path}")

    assert result.returncode == 1
    assert "image 'nobody' names no installed stage (installed: " in result.stderr


def test_up_tells_where_everything_answers(up, model, client):
    """The URL, each container's own port and a line to copy; the stage is found by its manifest."""
    _, url, lines = up("--serve", f"pipe={model('a.tar.gz')},{model('b.tar.gz')}")

    containers = [line.split() for line in lines if line.startswith("  container-")]

    assert lines[0] == f"pipe is InService at {url}/endpoints/pipe/invocations\n"
    assert [words[:2] for words in containers] == [["container-1", "stub"], ["container-2", "stub"]]
    assert lines[-1].startswith(f"  curl -s {url}/invocations ")
    for _, _, address in containers:
        assert client.get(f"{address}/ping").status_code == 200


def test_an_archive_may_be_given_its_image_and_environment(up, archive, client):
    """For bundles without a manifest, and for settings of the stages."""
    path = archive("plain.tar.gz", {"model.bin": b""})

    _, url, _ = up("--serve", f"pipe=repo/stub:1.0={path}", "--env", "STAGEWIRE_BAD_ROWS=null")

    seen = client.post(f"{url}/invocations", content=b"x").json()
    assert seen["model"] == ["model.bin"]
    assert seen["environment"]["STAGEWIRE_BAD_ROWS"] == "null"


def test_sigterm_lets_requests_finish_and_exits_0(up, model, client, tmp_path, until):
    """The request in flight is answered although the door no longer listens."""
    process, url, _ = up("--serve", f"pipe={model()}")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    answers = []
    caller = threading.Thread(
        target=lambda: answers.append(
            client.post(f"{url}/invocations", content=f"hold {fifo}".encode())
        )
    )
    caller.start()

    with fifo.open("w"):  # returns when the stage has the request
        process.send_signal(signal.SIGTERM)
        until(lambda: not listens(url))
    caller.join()

    assert answers[0].status_code == 200
    assert process.wait(timeout=30) == 0


def listens(url):
    """Tell whether somebody accepts connections there."""
    host, _, port = url.removeprefix("http://").partition(":")
    try:
        socket.create_connection((host, int(port))).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_stages_too(up, model, client, number, gone):
    """Ctrl-C and SIGTERM leave no process, and exit 0."""
    process, url, _ = up("--serve", f"pipe={model()}")
    pid = client.post(f"{url}/invocations", content=b"x").json()["pid"]

    process.send_signal(number)

    assert process.wait(timeout=30) == 0
    assert gone(pid)


def test_a_door_refuses_requests_and_obeys_signals_while_it_starts(
    environment, model, port, client
):
    """The endpoint is there as Creating, and nobody has to wait for a stage that never is ready."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "stagewire_local", "up", f"--port={port}"),
            *("--serve", f"pipe={model(never_ready=b'')}"),
        ],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert any("the stub serves" in line for line in process.stderr)
        url = f"http://127.0.0.1:{port}"
        refused = client.post(f"{url}/endpoints/pipe/invocations", content=b"x")
        ping = client.get(f"{url}/ping")

        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=30) == 0
        assert refused.status_code == 400
        assert refused.json()["Message"].endswith("is Creating.")
        assert ping.status_code == 503


def test_stages_do_not_outlive_a_door_that_is_killed(up, model, client, until, gone):
    """SIGKILL leaves the door no moment to stop them; the warden does."""
    process, url, _ = up("--serve", f"pipe={model('a.tar.gz')},{model('b.tar.gz')}")
    outer = client.post(f"{url}/invocations", content=b"x").json()
    pids = [outer["pid"], json.loads(outer["body"])["pid"]]

    process.kill()

    assert until(lambda: all(map(gone, pids)))


def test_a_door_in_the_background_starts_tells_and_stops(run, model, port, client, gone):
    """It returns when it is ready; status shows it; a second one is refused; down ends it."""
    url = f"http://127.0.0.1:{port}"
    started = run("up", f"--port={port}", "--serve", f"pipe={model()}", "--detach")
    answer = client.post(f"{url}/invocations", content=b"x")

    table = run("status", f"--port={port}")
    again = run("up", f"--port={port}")
    stopped = run("down", f"--port={port}")

    assert started.returncode == 0, started.stderr
    assert f"pipe is InService at {url}" in started.stdout
    assert answer.status_code == 200
    assert table.returncode == 0
    assert all(word in table.stdout for word in ("pipe", "InService", "primary", "healthy"))
    assert again.returncode == 1
    assert f"stop it with: stagewire local down --port {port}" in again.stderr
    assert stopped.returncode == 0
    assert not listens(url)
    assert gone(answer.json()["pid"])


def test_a_failed_start_in_the_background_shows_its_log(run, model, port):
    """The caller need not look for a file."""
    result = run("up", f"--port={port}", "--serve", f"a={model(broken=b'')}", "--detach")

    assert result.returncode == 1
    assert "the model is broken" in result.stderr


def test_a_start_in_the_background_shows_its_log_while_it_lasts(
    environment, model, port, until, gone
):
    """Nobody waits 8 minutes without a word; Ctrl-C ends the door too, which no terminal reaches."""
    words = ["up", f"--port={port}", "--serve", f"pipe={model(never_ready=b'')}", "--detach"]
    process = subprocess.Popen(
        [sys.executable, "-m", "stagewire_local", *words],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert "the stub serves" in process.stderr.readline()
        pid = json.loads(Path(environment["STAGEWIRE_HOME"], f"door-{port}.json").read_text())[
            "pid"
        ]

        process.send_signal(signal.SIGINT)

        assert process.wait(timeout=30) == 1
        assert until(lambda: gone(pid))


def test_a_second_door_in_the_background_leaves_the_first_ones_log(up, run, environment, port):
    """It is refused before it writes anything."""
    log = Path(environment["STAGEWIRE_HOME"], f"door-{port}.log")
    up()
    log.write_text("what the first one wrote")

    second = run("up", f"--port={port}", "--detach")

    assert second.returncode == 1
    assert f"stop it with: stagewire local down --port {port}" in second.stderr
    assert log.read_text() == "what the first one wrote"


def test_a_door_in_the_background_is_asked_where_it_listens(run, port, stubs, stub):
    """A door for --connect may be on another address; its start ends all the same."""
    [one] = stubs(stub())
    words = (f"--port={port}", "--host=::1", "--connect", f"pipe={one.url}")

    started = run("up", *words, "--detach")
    stopped = run("down", f"--port={port}")

    assert started.returncode == 0, started.stderr
    assert f"pipe is InService at http://[::1]:{port}/endpoints/pipe/" in started.stdout
    assert stopped.returncode == 0


def test_a_file_in_the_way_is_no_door(run, environment, port):
    """`down` says so in one line."""
    Path(environment["STAGEWIRE_HOME"], f"door-{port}.json").mkdir(parents=True)

    result = run("down", f"--port={port}")

    assert result.stderr == f"Error: no door of yours runs on port {port}\n"


def test_an_empty_door_opens(up, client):
    """Without --serve it waits for endpoints to come."""
    _, url, lines = up()

    assert lines == [f"The door is open at {url}, with no endpoint yet.\n"]
    assert client.get(f"{url}/_stagewire/status").json()["endpoints"] == []


def test_containers_that_run_already_can_be_connected(up, stubs, stub, client):
    """This is the door of compose: driver `fixed`."""
    one, two = stubs(stub(), stub())

    _, url, lines = up("--connect", f"pipe={one.url.upper()}/,{two.url}")

    assert [line.split()[1:] for line in lines[1:3]] == [[each.url] * 2 for each in (one, two)]
    assert client.post(f"{url}/invocations", content=b"x").content == b"x>>"
