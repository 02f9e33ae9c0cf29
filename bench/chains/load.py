"""Drives the load generator, a C program that plays the platform, and reads what it printed."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, Final

from chains import bodies
from chains.absent import Absent
from chains.places import BENCH, BUILD

if TYPE_CHECKING:
    from chains.cells import Cell
    from chains.server import Chain

PROGRAM: Final = BUILD / "load"
SOURCES: Final = (BENCH / "load.c", BENCH / "answer.h", BENCH / "tally.h")
# What it may print in total before it is taken for stuck, beyond its own times.
GRACE_SECONDS: Final = 180


class Wrong(Exception):
    """A chain answered something else than it should; says what."""


class Refused(Exception):
    """A chain refused a request or broke off; says what came."""


def compiled() -> None:
    """Compile the program where it is older than its sources.

    Raises:
        Absent: there is no C compiler.

    """
    newest = max(path.stat().st_mtime for path in SOURCES)
    if PROGRAM.exists() and PROGRAM.stat().st_mtime > newest:
        return
    compiler = shutil.which("cc")
    if compiler is None:
        msg = "cc absent: the load generator is a C program; install a C compiler (apt-get install gcc libc6-dev)"
        raise Absent(msg)
    BUILD.mkdir(parents=True, exist_ok=True)
    flags = ["-O2", "-std=gnu11", "-Wall", "-Wextra"]
    subprocess.run([compiler, *flags, "-o", PROGRAM, SOURCES[0]], check=True)


def run(
    chain: Chain, cell: Cell, *, seconds: float, warm: float = 0.3, ping_ms: int = 0
) -> dict[str, Any]:
    """Load a chain; returns what the program printed, and `answer`, the first body that came back.

    Raises:
        Refused: a request was refused or broken off.
        Wrong: answers differ.

    """
    contender, answer = chain.contender, BUILD / f"{chain.contender.name}.answer"
    stages = [f"{each.port}{contender.path},{contender.ping}" for each in chain.stages]
    body = [str(bodies.path(contender.body, cell.rows)), bodies.TYPES[contender.body]]
    numbers = [str(cell.clients), str(warm), str(seconds), str(ping_ms)]
    found = subprocess.run(
        [PROGRAM, *stages, *body, *numbers, answer],
        capture_output=True,
        text=True,
        check=False,
        timeout=warm + seconds + GRACE_SECONDS,
    )
    who = f"{contender.name}, {cell.rows} rows, {cell.clients} clients"
    if found.returncode:
        msg = f"{who}: {found.stderr.strip() or f'load ended with {found.returncode}'}"
        raise Refused(msg)
    told: dict[str, Any] = json.loads(found.stdout)
    if told["different"]:
        msg = f"{who}: {told['different']} of {told['all']} answers differ from the first"
        raise Wrong(msg)
    return {**told, "answer": answer.read_bytes()}
