"""Starting and weighing one stage as a process, for what measures stages side by side."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@contextlib.contextmanager
def serving(name: str, base: Path, **environ: str) -> Iterator[Server]:
    """Serve a model directory's stage; it has answered /ping with 200 when this gives it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {
        "SAGEMAKER_BASE_DIR": str(base),
        "SAGEMAKER_BIND_TO_PORT": str(port),
        "STAGEWIRE_HOST": "127.0.0.1",
        "SAGEMAKER_CONTAINER_LOG_LEVEL": "40",
    }
    server = Server(name, port, {**os.environ, **own, **environ})
    try:
        server.wait()
        yield server
    finally:
        server.process.terminate()
        server.process.wait(60)


class Server:
    """A stage's process; `seconds` is from its start to its first ready ping."""

    def __init__(self, name: str, port: int, environ: Mapping[str, str]) -> None:
        self.port = port
        self.start = time.perf_counter()
        command = [sys.executable, "-m", name, "serve"]
        self.process = subprocess.Popen(command, env=environ)
        self.seconds = float("nan")

    def wait(self) -> None:
        """Ask /ping every two milliseconds until it is 200."""
        while self.get("/ping") != 200:  # noqa: PLR2004 (ready)
            if self.process.poll() is not None:
                sys.exit(f"the stage ended with {self.process.returncode}")
            time.sleep(0.002)
        self.seconds = time.perf_counter() - self.start

    def get(self, path: str) -> int:
        """Return the status of a GET, 0 while nobody listens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def tree(self) -> list[int]:
        """Return the process and its children."""
        found = [self.process.pid]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                found += map(int, task.read_text().split())
        return found

    def pss(self) -> float:
        """Return what the processes hold of this machine's memory, MiB; shared pages by share."""
        rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self.tree()]
        return sum(int(text.partition("\nPss:")[2].split()[0]) for text in rollups) / 1024

    def cpu(self) -> float:
        """Return the CPU seconds of the processes so far."""
        total = 0
        for pid in self.tree():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / os.sysconf("SC_CLK_TCK")


def rows(base: Path, count: int) -> bytes:
    """Repeat the golden rows of an artifact into a CSV body without header."""
    golden = orjson.loads((base / "model" / "manifest.json").read_bytes())["golden"]["input"][
        "data"
    ]
    lines = [",".join("" if cell is None else str(cell) for cell in row) for row in golden]
    return "\n".join((lines * (count // len(lines) + 1))[:count]).encode()
