from __future__ import annotations

import signal
import socket
import sys

import pytest

from stagewire_pipeline.door import Door, free_port
from stagewire_pipeline.errors import DoorError

PING = """
import signal, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Ping(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
def end(*_):
    raise SystemExit(0)
signal.signal(signal.SIGTERM, end)
HTTPServer(("127.0.0.1", int(sys.argv[-1])), Ping).serve_forever()
"""


def test_a_door_is_awaited_and_stopped(tmp_path, environ):
    """The wait ends with the first good ping; leaving the block ends the process with 0."""
    program = (sys.executable, "-c", PING)
    door = Door("x=a", port=free_port(), log=tmp_path / "log", environ=environ, program=program)

    with door:
        door.wait_ready()

    assert door.process.returncode == 0


def test_a_door_that_dies_is_quoted(tmp_path, environ):
    """The wait ends with the child, and its words are the error."""
    program = (sys.executable, "-c", "raise SystemExit('no such archive')")

    with (
        Door(
            "x=a", port=free_port(), log=tmp_path / "log", environ=environ, program=program
        ) as door,
        pytest.raises(DoorError, match="no such archive"),
    ):
        door.wait_ready()


def test_a_door_that_is_killed_while_kept_is_noticed(tmp_path, environ):
    """Waiting for Ctrl-C ends when the door does."""
    program = (sys.executable, "-c", PING)

    with Door(
        "x=a", port=free_port(), log=tmp_path / "log", environ=environ, program=program
    ) as door:
        door.wait_ready()
        door.process.send_signal(signal.SIGKILL)
        with pytest.raises(DoorError, match="ended by itself"):
            door.wait_end()


def test_a_taken_port_is_refused_before_anything_starts(tmp_path, environ):
    """Somebody else's ping must not be taken for the door's."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(DoorError, match=f"port {port} .*--port"):
            Door("x=a", port=port, log=tmp_path / "log", environ=environ)
