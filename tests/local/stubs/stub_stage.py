"""A container of a few lines: the plainest server that keeps the hosting contract."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Stage(BaseHTTPRequestHandler):
    """Answers what its input asks for, so that a test decides what happens."""

    def do_GET(self) -> None:
        """Answer /ping, unless the model says that this container never is ready."""
        model = Path(os.environ["SAGEMAKER_BASE_DIR"]) / "model"
        self.reply(503 if (model / "never_ready").exists() else 200, b"")

    def do_POST(self) -> None:
        """Tell what was seen, die, or hold the request until the test opens a FIFO."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        word, _, argument = body.partition(b" ")
        if word == b"die":
            os._exit(3)
        if word == b"hold":
            with Path(argument.decode()).open() as fifo:
                fifo.read()
        model = Path(os.environ["SAGEMAKER_BASE_DIR"]) / "model"
        seen = {
            "pid": os.getpid(),
            "environment": dict(os.environ),
            "model": sorted(path.name for path in model.iterdir()),
            "body": body.decode(),
        }
        self.reply(200, json.dumps(seen).encode())

    def reply(self, status: int, body: bytes) -> None:
        """Send a whole answer."""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Write no line for each request."""


class Server(ThreadingHTTPServer):
    """Finishes the requests that it has when it is told to stop."""

    daemon_threads = False


def main() -> None:
    """Serve until SIGTERM."""
    model = Path(os.environ["SAGEMAKER_BASE_DIR"]) / "model"
    if (model / "broken").exists():
        sys.exit("the model is broken")
    address = (os.environ["STAGEWIRE_HOST"], int(os.environ["SAGEMAKER_BIND_TO_PORT"]))
    server = Server(address, Stage)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    sys.stdout.write(f"the stub serves {sys.argv[1:]}\n")
    sys.stdout.flush()
    server.serve_forever(poll_interval=0.02)
    server.server_close()


main()
