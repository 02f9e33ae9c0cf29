"""`local status` and `local logs` as a person sees them: in a pipe, and in a real terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from stagewire_local.bundle import connected, served
from stagewire_local.written import added

MODULES = {"stub": "stub_stage"}


@contextmanager
def terminal(*words, environment, columns=200):
    """Run a command in a terminal; yield its process and a function that reads until some text."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "stagewire_local", *words],
        env={**environment, "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    shown = ""

    def until(text):
        nonlocal shown
        while text not in shown:
            ready, _, _ = select.select([master], [], [], 30)
            assert ready, f"no '{text}' came, but: {shown}"
            shown += os.read(master, 65536).decode(errors="replace")
        before, _, shown = shown.partition(text)
        return before

    try:
        yield process, until
    finally:
        process.kill()
        process.wait()
        os.close(master)


def plain(text):
    """Take the colours out of what a terminal is sent."""
    return re.sub(r"\x1b\[[\d;]*m", "", text)


def port(url):
    """Name the door's port for a command."""
    return f"--port={urlsplit(url).port}"


def test_status_in_a_pipe_is_printed_once_with_a_line_a_container(run, chained, client, stub):
    """Each line can be searched for: no colours, nothing cut, nothing left out."""
    one, two = stub(), stub(status=500)
    url = chained(one, two)
    client.post(f"{url}/invocations", content=b"x")

    shown = run("status", port(url))

    head, *lines = [line.split() for line in shown.stdout.splitlines()]
    assert shown.returncode == 0
    assert head[:6] == ["endpoint", "state", "requests", "errors", "variant", "instance"]
    assert head[6:] == ["container", "image", "address", "health", "restarts"]
    assert [line[:5] for line in lines] == [["pipe", "InService", "1", "1", "AllTraffic"]] * 2
    assert [line[6] for line in lines] == ["container-1", "container-2"]
    assert [line[8:] for line in lines] == [
        [each.url.removeprefix("http://"), "healthy", "0"] for each in (one, two)
    ]
    assert "\x1b" not in shown.stdout


def test_status_as_json_is_what_the_door_tells(run, chained, stub):
    """For programs."""
    url = chained(stub())

    shown = run("status", "--json", port(url))

    [endpoint] = json.loads(shown.stdout)["endpoints"]
    assert endpoint["name"] == "pipe"


def test_status_of_an_empty_door_says_so(run, door):
    """A table without a line would be read as an error."""
    shown = run("status", port(door()))

    assert shown.stdout == "The door is open, with no endpoint yet.\n"


def test_status_in_a_terminal_follows_what_happens(environment, chained, client, stub):
    """The counts move without another command; Ctrl-C ends it well."""
    url = chained(stub(), stub())

    with terminal("status", port(url), environment=environment) as (process, until):
        until("InService")
        before = until("container-2").split()
        for _ in range(777):
            client.post(f"{url}/invocations", content=b"x")
        until("777")
        process.send_signal(signal.SIGINT)

        assert process.wait(timeout=30) == 0
    assert "AllTraffic" in before


def test_status_in_a_terminal_may_be_asked_once(environment, chained, stub):
    """It ends by itself; what the line above says is left out."""
    url = chained(stub(), stub())

    with terminal("status", "--once", port(url), environment=environment) as (process, until):
        until("container-1")
        between = until("container-2")

        assert process.wait(timeout=30) == 0
    assert "pipe" not in between


@pytest.mark.parametrize("columns", [80, 120])
def test_status_in_a_usual_terminal_cuts_no_word(environment, chained, stub, columns):
    """What containers share stands above them, once a line would be too long."""
    one, two = stub(), stub()
    url = chained(one, two)

    words = ["status", "--once", port(url)]
    with terminal(*words, environment=environment, columns=columns) as (process, until):
        shown = [plain(until(words)).split() for words in ("restarts 0", "restarts 0")]

        assert process.wait(timeout=30) == 0
    first, second = ([each.url, each.url.removeprefix("http://"), "healthy"] for each in (one, two))
    assert shown == [
        ["pipe", "InService", "requests", "0", "errors", "0", "container-1", *first],
        ["container-2", *second],
    ]


def test_status_in_a_pipe_cuts_no_word_however_long(run, stubs, stub, door):
    """A name may have 63 characters, and an image's more."""
    name = "p" * 63
    urls = ",".join([stubs(stub())[0].url] * 15)
    url = door(connected(f"{name}={urls}"))

    shown = run("status", port(url))

    assert [line.split()[0] for line in shown.stdout.splitlines()[1:]] == [name] * 15


def test_status_ends_when_its_door_does(environment, door, stubs, stub):
    """A table that stands still would look as if all were well."""
    [one] = stubs(stub())
    url = door(connected(f"pipe={one.url}"))

    with terminal("status", port(url), environment=environment) as (process, until):
        until("InService")
        door.close()
        until("no door answers")

        assert process.wait(timeout=30) == 1


@pytest.fixture
def talker(door, model):
    """The URL of a door with a pipeline of two stages, which write a line when they start."""
    bundle = served(f"pipe={model('a.tar.gz')},{model('b.tar.gz')}", known=MODULES)
    return door(bundle, modules=MODULES)


def test_logs_are_those_of_all_containers_or_of_one(run, talker):
    """Each line is named; -n limits them."""
    every = run("logs", "pipe", port(talker)).stdout.splitlines()
    one = run("logs", "pipe", "--container=container-2", port(talker)).stdout.splitlines()
    none = run("logs", "pipe", "-n", "0", port(talker)).stdout

    assert [line.partition(" | ")[2] for line in every] == ["the stub serves ['serve']"] * 2
    assert one == every[1:]
    assert none == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nobody"], "Endpoint nobody of account 123456789012 not found."),
        (["no body?"], "Endpoint no body? of account 123456789012 not found."),
        (["pipe", "--container=x"], "has no container 'x' (it has: container-1, container-2)"),
    ],
)
def test_logs_of_what_is_not_there_are_one_clear_line(run, talker, words, message):
    """The exit code is not 0."""
    result = run("logs", *words, port(talker))

    assert result.returncode == 1
    assert message in result.stderr


def test_logs_follow_what_containers_write(environment, talker, client):
    """A stage that dies and starts anew writes another line, which is shown when it comes."""
    words = ["logs", "pipe", "--container=container-1", "--follow", port(talker)]
    with terminal(*words, environment=environment) as (process, until):
        until("the stub serves")
        client.post(f"{talker}/invocations", content=b"die")
        until("the stub serves")
        process.send_signal(signal.SIGINT)

        assert process.wait(timeout=30) == 0


@pytest.mark.parametrize(
    ("before", "now", "new"),
    [
        ([], ["a"], ["a"]),
        (["a", "b"], ["a", "b"], []),
        (["a", "b"], ["a", "b", "c"], ["c"]),
        (["a", "b", "c"], ["b", "c", "d"], ["d"]),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        (["a", "b"], ["c"], ["c"]),
        (["a", "b"], [], []),
        (["a", "a"], ["a", "a", "a"], ["a"]),
    ],
)
def test_what_is_new_in_a_log_is_what_follows_the_overlap(before, now, new):
    """Old lines fall out at the top, and all is new when nothing overlaps."""
    assert added(before, now) == new
