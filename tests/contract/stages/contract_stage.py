#!/usr/bin/env python3
"""A container of one file, the same behind every driver: does what a request's attributes order.

The custom attributes reach all containers of a pipeline, so they hold a JSON object of orders by
the container's NAME: {"a": {"status": 422, "body": "row 3"}}. Without an order a container answers
with what it saw.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
NAME = os.environ.get("NAME", "a")
MODEL = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")) / "model"
MOST = 64 * 1024  # bytes of a body that are told back
# Seconds after the start in which it is not ready: a cold start that a request sees.
READY = time.monotonic() + float(os.environ.get("READY_AFTER", "0"))


class Gates:
    """Points at which requests wait for one another, by name."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.waiting: set[str] = set()
        self.opened: set[str] = set()

    def wait(self, name: str) -> None:
        """Wait until somebody opens a gate."""
        with self.changed:
            self.waiting.add(name)
            self.changed.notify_all()
            self.changed.wait_for(lambda: name in self.opened, timeout=60)

    def reached(self, name: str) -> None:
        """Wait until somebody waits at a gate."""
        with self.changed:
            self.changed.wait_for(lambda: name in self.waiting, timeout=60)

    def open(self, name: str) -> None:
        """Let through whoever waits, now or later."""
        with self.changed:
            self.opened.add(name)
            self.changed.notify_all()


GATES = Gates()


class Stage(BaseHTTPRequestHandler):
    """Answers as it is ordered; each answer ends its connection."""

    protocol_version = "HTTP/1.1"
    served = 0

    def do_GET(self) -> None:
        """Answer /ping."""
        self.reply(200 if time.monotonic() >= READY else 503, b"", kind=None)

    def do_POST(self) -> None:
        """Do what the attributes say."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        order = json.loads(self.headers.get(ATTRIBUTES) or "{}").get(NAME, {})
        Stage.served += not order.get("aside")
        for word in ("open", "reached", "wait"):
            if word in order:
                getattr(GATES, word)(order[word])
        if "exit" in order:
            os._exit(order["exit"])
        if "grow" in order:
            self.wfile.write(b"x" * order["grow"])
        if "pieces" in order:
            self.stream(order)
        elif order.get("hang"):
            self.connection.recv(1)  # returns when the other side hangs up
            self.close_connection = True
        else:
            whole = self.answer(order, body)
            kind = order.get("type", f"application/x-{NAME}; v=1")
            self.reply(order.get("status", 200), whole, kind=kind, more=order.get("headers", {}))

    def answer(self, order: dict, body: bytes) -> bytes:
        """Write what is ordered, else what was seen."""
        if "size" in order:
            return bytes(order["size"])
        if "body" in order:
            return order["body"].encode()
        seen = {
            "name": NAME,
            "pid": os.getpid(),
            "served": Stage.served,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "size": len(body),
            "body": body.decode(errors="replace") if len(body) < MOST else "",
            "environment": dict(os.environ),
            "model": sorted(str(path.relative_to(MODEL)) for path in MODEL.rglob("*")),
        }
        return json.dumps(seen).encode()

    def stream(self, order: dict) -> None:
        """Write pieces, each but the first when its gate opens; `cut` leaves the end out."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close")
        self.end_headers()
        for place, piece in enumerate(order["pieces"]):
            if place:
                GATES.wait(f"{order['gate']}-{place}")
            self.wfile.write(f"{len(piece):x}\r\n{piece}\r\n".encode())
            self.wfile.flush()
        if order.get("cut"):
            GATES.wait(f"{order['gate']}-cut")
            self.connection.shutdown(socket.SHUT_RDWR)
        elif order.get("hang"):
            self.connection.recv(1)
        else:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True

    def reply(
        self, status: int, body: bytes, *, kind: str | None, more: dict | None = None
    ) -> None:
        """Send a whole answer."""
        self.send_response(status)
        if kind is not None:
            self.send_header("Content-Type", kind)
        for name, value in (more or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write no line for each request."""


class Server(ThreadingHTTPServer):
    """Finishes the requests that it has when it is told to stop."""

    daemon_threads = False
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Say nothing of callers that hang up."""


def stop(server: Server) -> None:
    """End the server, no sooner than this container is to take for it."""
    time.sleep(float(os.environ.get("STOP_SECONDS", "0")))
    server.shutdown()


def main() -> None:
    """Serve until SIGTERM."""
    if (MODEL / "broken").exists():
        sys.exit("the model is broken")
    host = os.environ.get("STAGEWIRE_HOST", "")
    server = Server((host, int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))), Stage)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=stop, args=(server,)).start())
    if "EXIT_AFTER" in os.environ:
        threading.Timer(float(os.environ["EXIT_AFTER"]), os._exit, [4]).start()
    sys.stdout.write(f"{NAME} serves on {server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever(poll_interval=0.02)
    server.server_close()


main()
