"""A contender's chain while it runs: two stages, each a process group of its own."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from chains import container, environments, models
from chains.absent import Absent
from chains.places import BENCH, BUILD, CONTENDERS, STAGES
from chains.tree import Tree
from stagewire_pipeline.door import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chains.contenders import Contender

# BentoML takes the longest, some 6 s on a quiet machine.
START_SECONDS: Final = 90.0
# Between two looks whether it answers; a tenth of the shortest start.
LOOK_SECONDS: Final = 0.005
# A queue that a closed-loop load left behind: 64 requests of the slowest at 10,000 rows take 20 s.
SETTLE_SECONDS: Final = 60.0
# One clock tick a look is what idle servers take.
IDLE_TICKS: Final = 0.011
KEPT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")


@dataclass
class Stage:
    """One started stage; `ready` is how many seconds it took to answer its first ping."""

    name: str
    port: int
    tree: Tree
    process: subprocess.Popen[bytes]
    scratch: Path
    ready: float = 0.0

    def stop(self) -> None:
        """End it and all that it started."""
        leftover = self.tree.pids()
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        for pid in leftover:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.scratch, ignore_errors=True)


class Chain:
    """Two stages of a contender."""

    def __init__(self, contender: Contender) -> None:
        self.contender = contender
        self.stages: list[Stage] = []

    def start(self) -> Chain:
        """Start both, one after the other, and wait until each answers its ping.

        Raises:
            Absent: one cannot be started; says why.

        """
        try:
            for name in STAGES:
                self.stages.append(start(self.contender, name))
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End both."""
        while self.stages:
            self.stages.pop().stop()

    def cpu(self) -> float:
        """Return the seconds of CPU time of both."""
        return sum(stage.tree.cpu() for stage in self.stages)

    def settle(self) -> None:
        """Wait until nothing of an earlier load is worked on."""
        until, before = time.monotonic() + SETTLE_SECONDS, self.cpu()
        while time.monotonic() < until:
            time.sleep(0.1)
            after = self.cpu()
            if after - before <= IDLE_TICKS * len(self.stages):
                return
            before = after


def start(contender: Contender, stage: str) -> Stage:
    """Start one stage and wait for its first 200.

    Raises:
        Absent: it does not come up.

    """
    told = prepare(contender, stage)
    with (BUILD / f"{contender.name}-{stage}.log").open("wb") as log:
        begun = time.perf_counter()
        process = subprocess.Popen(
            told.command,
            env=told.environ,
            cwd=told.scratch,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    found = Stage(stage, told.port, Tree(process.pid), process, told.scratch)
    try:
        wait(told.port, contender.ping, process)
        found.ready = time.perf_counter() - begun
        if contender.image:
            found.tree = Tree(container.pid(told.scratch.name))
    except Absent as error:
        found.stop()
        tail = Path(log.name).read_text(errors="replace").strip()[-500:]
        msg = f"{contender.name}'s {stage} does not come up: {error}\n{tail}"
        raise Absent(msg) from error
    return found


@dataclass(frozen=True)
class Told:
    """How a stage is started, and where."""

    command: list[str]
    environ: Mapping[str, str]
    scratch: Path
    port: int


def prepare(contender: Contender, stage: str) -> Told:
    """Fill in a contender's command and environment."""
    scratch, port = Path(tempfile.mkdtemp(prefix="bench-")), free_port()
    values = _values(contender, stage, scratch) | {"port": port}
    wanted = {**contender.environ, **contender.environ_of.get(stage, {})}
    wanted = {key: value.format(**values) for key, value in wanted.items()}
    environ = {key: os.environ[key] for key in KEPT if key in os.environ}
    if contender.image:
        image, model = contender.image.format(stage=stage), values["model"] / "model"
        run = container.command(image, name=scratch.name, model=model, environ=wanted)
        return Told(run, environ | container.environ(), scratch, port)
    command = [part.format(**values) for part in contender.command]
    return Told(command, environ | wanted, scratch, port)


def _values(contender: Contender, stage: str, scratch: Path) -> dict[str, Any]:
    found: dict[str, Any] = {
        "stage": stage,
        "spare": free_port(),
        "other": free_port(),
        "scratch": scratch,
        "all": CONTENDERS,
        "here": _folder(contender),
        "model": models.home(contender.models, stage),
    }
    if not contender.image:
        found["python"] = environments.python(contender, stage)
        found["bin"] = found["python"].parent
    if contender.environment == "classic":
        found["nginx"] = environments.nginx()
    return found


def _folder(contender: Contender) -> Path:
    own = CONTENDERS / contender.name
    shared = CONTENDERS / contender.environment
    return own if own.is_dir() else shared if shared.is_dir() else BENCH


def wait(port: int, path: str, process: subprocess.Popen[bytes]) -> None:
    """Ask until it answers 200.

    Raises:
        Absent: it ended, or did not answer in time.

    """
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            msg = f"it ended with {process.returncode}"
            raise Absent(msg)
        if answers(port, path):
            return
        time.sleep(LOOK_SECONDS)
    msg = f"no 200 on {path} within {START_SECONDS:g} s"
    raise Absent(msg)


def answers(port: int, path: str) -> bool:
    """Tell whether a GET is answered 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
