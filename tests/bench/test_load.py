"""The load generator, against stages that frame their answers in every way HTTP/1.1 has."""

import json
import shutil
import socketserver
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest
from chains.load import SOURCES

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="cc absent")


class Stage(BaseHTTPRequestHandler):
    """Answers a body with itself and a letter more, and says how by its framing."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self):
        """Answer a ping."""
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        """Answer a request."""
        server = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server.seen.append((self.headers["Content-Type"], body, self.headers["Accept"]))
        self.send_response(server.status)
        self.send_header("Content-Type", "text/csv; charset=utf-8")
        getattr(self, server.framing)(body + server.letter)

    def length(self, body):
        """State the length."""
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def chunked(self, body):
        """Send byte by byte, in chunks."""
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for i in range(len(body)):
            self.wfile.write(b"1\r\n" + body[i : i + 1] + b"\r\n")
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def closing(self, body):
        """Let the connection's end be the body's."""
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Stay silent."""


class Server(socketserver.ThreadingTCPServer):
    """A stage on a port of its own."""

    allow_reuse_address = True
    daemon_threads = True


@contextmanager
def stage(framing, letter, status=200):
    """Run a stage."""
    with Server(("127.0.0.1", 0), Stage) as server:
        server.framing, server.letter, server.status, server.seen = framing, letter, status, []
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    """The program, compiled with warnings as errors."""
    path = tmp_path_factory.mktemp("load") / "load"
    flags = ["-O1", "-std=gnu11", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([shutil.which("cc"), *flags, "-o", path, SOURCES[0]], check=True)
    return path


def run(program, first, second, tmp_path, ping_ms=0):
    """Load two stages for a moment."""
    body, answer = tmp_path / "body", tmp_path / "answer"
    body.write_bytes(b"1,2")
    stages = [f"{each.server_address[1]}/invocations,/ping" for each in (first, second)]
    found = subprocess.run(
        [program, *stages, body, "text/csv", "2", "0.1", "0.3", str(ping_ms), answer],
        capture_output=True,
        text=True,
        check=False,
    )
    return found, answer


@pytest.mark.parametrize("framing", ["length", "chunked", "closing"])
def test_a_chain_is_driven_as_the_platform_drives_it(program, tmp_path, framing):
    """The first answer's body and Content-Type are the second request; only the last gets an Accept."""
    with stage(framing, b"a") as first, stage(framing, b"b") as second:
        found, answer = run(program, first, second, tmp_path)

    told = json.loads(found.stdout)
    assert told["errors"] == told["different"] == 0
    assert told["chain"]["count"] > 0
    assert answer.read_bytes() == b"1,2ab"
    assert set(first.seen) == {("text/csv", b"1,2", None)}
    assert set(second.seen) == {("text/csv; charset=utf-8", b"1,2a", "*/*")}


def test_pings_run_beside_the_load(program, tmp_path):
    """Both stages are pinged, and the waits are told."""
    with stage("length", b"a") as first, stage("length", b"b") as second:
        found, _ = run(program, first, second, tmp_path, ping_ms=10)

    told = json.loads(found.stdout)
    assert told["ping1"]["count"] > 0
    assert told["ping2"]["count"] > 0
    assert told["errors"] == 0


def test_a_refusal_ends_the_run_and_is_shown(program, tmp_path):
    """What is not a 200 is no measurement: the exit status and stderr say so."""
    with stage("length", b"a") as first, stage("length", b"b", status=415) as second:
        found, _ = run(program, first, second, tmp_path)

    assert found.returncode
    assert "hop 2: refused, status 415: 1,2ab" in found.stderr
