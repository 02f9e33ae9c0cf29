"""What a newcomer sees first: the demo's own lines do what they say."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys

import pytest

LINES = re.compile(r"From a shell:\n\n(.*)\n\nFrom Python:\n\n(.*?\.decode\(\)\))\n", re.DOTALL)


@pytest.fixture
def demo(trained):
    """What starts `stagewire demo` on the chain that is trained; it is ended with the test."""
    started = []

    def begin(*options):
        command = [sys.executable, "-m", "stagewire_pipeline", "demo", "--out", str(trained)]
        process = subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def said(command):
    """Run a line that was shown, as whoever pastes it does."""
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return float(done.stdout)


def test_the_lines_shown_answer_while_it_runs(demo, free_port):
    """Pasted into a shell and into Python both give the prediction; Ctrl-C then ends it well."""
    process = demo("--keep", "--port", str(free_port()))

    told = ""
    for line in process.stdout:
        told += line
        if "Stop it with Ctrl-C" in line:
            break
    shell, python = LINES.search(told).groups()
    first = float(re.search(r"^ 0 +\d+ +([\d.]+)", told, re.MULTILINE)[1])
    answers = said(["bash", "-c", shell]), said([sys.executable, "-c", python])
    process.send_signal(signal.SIGINT)
    rest, wrong = process.communicate(timeout=60)

    assert answers == (first, first)
    assert (process.returncode, rest, wrong) == (0, "Stopped.\n", "")


@pytest.mark.parametrize("chosen", [False, True])
def test_the_lines_of_a_demo_that_ends_are_for_one_that_stays(demo, free_port, chosen):
    """When it has stopped it names the way to leave it running, and lines for the port of that."""
    process = demo(*(["--port", str(free_port())] if chosen else []))
    told, _ = process.communicate(timeout=120)

    assert process.returncode == 0
    assert float(re.search(r"^RMSE over 627 held-out rows: (.*)$", told, re.MULTILINE)[1]) <= 2.3
    after = told.partition("Stopped. ")[2]
    assert after.startswith("To send rows of your own, leave it running, by `make up`")
    assert all("http://127.0.0.1:8080" in each for each in LINES.search(after).groups())


def test_a_busy_port_is_said_before_anything_is_trained(demo, tmp_path):
    """The port is looked at first; the error names it and what to do, and nothing is made."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = demo("--keep", "--port", str(port), "--out", str(tmp_path / "none"))
        told, wrong = process.communicate(timeout=60)

    assert (process.returncode, told) == (1, "")
    assert f"port {port} of 127.0.0.1 is not available" in wrong
    assert "make up PORT=9000" in wrong
    assert not (tmp_path / "none").exists()
