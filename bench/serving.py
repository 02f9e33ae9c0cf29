"""Starting, loading and weighing one stage as a process, for what measures stages side by side."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson
import uvloop
from chains.server import wait
from chains.tree import Tree

from stagewire_pipeline.caller import Address
from stagewire_pipeline.door import free_port
from stagewire_pipeline.load import Cell, measure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Server:
    """A stage that is up; `seconds` is from its start to its first ready ping."""

    port: int
    tree: Tree
    seconds: float


@contextlib.contextmanager
def serving(name: str, base: Path, **environ: str) -> Iterator[Server]:
    """Serve a model directory's stage; it has answered /ping with 200 when this gives it."""
    port, begun = free_port(), time.perf_counter()
    own = {
        "SAGEMAKER_BASE_DIR": str(base),
        "SAGEMAKER_BIND_TO_PORT": str(port),
        "STAGEWIRE_HOST": "127.0.0.1",
        "SAGEMAKER_CONTAINER_LOG_LEVEL": "40",
    }
    command = [sys.executable, "-m", name, "serve"]
    process = subprocess.Popen(command, env={**os.environ, **own, **environ})
    try:
        wait(port, "/ping", process)
        yield Server(port, Tree(process.pid), time.perf_counter() - begun)
    finally:
        process.terminate()
        process.wait(60)


def load(server: Server, rows: bytes, *, clients: int, seconds: float) -> Cell:
    """Post the same rows from several clients; the program ends where one is refused."""
    address = Address("127.0.0.1", server.port, tls=False, path="/invocations")
    request = address.request(rows, {"Content-Type": "text/csv"})
    cell = Cell(rows.count(b"\n") + 1, clients)
    uvloop.run(measure(address, [request], cell, seconds=seconds))
    if cell.errors:
        sys.exit(f"not all were answered: {dict(cell.errors)}")
    return cell


def rows(base: Path, count: int) -> bytes:
    """Repeat the golden rows of an artifact into a CSV body without header."""
    manifest = orjson.loads((base / "model" / "manifest.json").read_bytes())
    golden = manifest["golden"]["input"]["data"]
    lines = [",".join("" if cell is None else str(cell) for cell in row) for row in golden]
    return "\n".join((lines * (count // len(lines) + 1))[:count]).encode()
