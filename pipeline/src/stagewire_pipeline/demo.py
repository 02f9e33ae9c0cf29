"""The demo: train, package, serve locally, score as a client, stop."""

from __future__ import annotations

import contextlib
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stagewire_pipeline import packaging, show
from stagewire_pipeline.door import Door, free_port
from stagewire_pipeline.endpoint import Endpoint
from stagewire_pipeline.errors import DataError
from stagewire_pipeline.layout import STAGES, TEST_FILE
from stagewire_pipeline.score import score
from stagewire_pipeline.training import train

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from types import FrameType

    from rich.console import Console

    from stagewire_pipeline.child import Line, Stages
    from stagewire_pipeline.training import Plan

NAME = "abalone"
FILE = Path("data", "abalone.csv")
ENDINGS = (signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, kw_only=True)
class Demo:
    """What was asked for; `port` None is any free one, `keep` runs until Ctrl-C."""

    plan: Plan
    port: int | None
    keep: bool
    force: bool
    environ: Mapping[str, str]


def data() -> Path:
    """Find the abalone data: beside this package's own project, or in the checkout that is the working directory.

    Raises:
        DataError: it is in neither place.

    """
    places = (Path(__file__).parents[2] / FILE, Path("pipeline") / FILE)
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        looked = ", ".join(str(place) for place in places)
        raise DataError(
            f"the abalone data is not here (looked for {looked}); name a CSV file with --data"
        )
    return found


def run(demo: Demo, console: Console, stages: Callable[[Callable[[Line], None]], Stages]) -> None:
    """Run it; whatever happens, the door is stopped.

    Raises:
        PipelineError: a step failed.

    """
    out = demo.plan.out
    with show.progress(console) as say:
        trained = train(demo.plan, stages(say), force=demo.force)
        artifacts = packaging.package(out, stages(say))
    show.outcome(console, trained)
    show.artifacts(console, artifacts)
    serve = f"{NAME}={','.join(str(each.path.absolute()) for each in artifacts)}"
    port, log = demo.port or free_port(), out / "door.log"
    with ending(quietly=demo.keep), Door(serve, port=port, log=log, environ=demo.environ) as door:
        with console.status("starting the chain"):
            door.wait_ready()
        present(demo, console, door, label=trained.label)
        if demo.keep:
            told = f"The chain runs at {door.url}; its log is {log}. Stop it with Ctrl-C."
            console.print(told, soft_wrap=True)
            door.wait_end()
    hint = "" if demo.keep else " To send rows of your own, keep it running: stagewire demo --keep"
    console.print(f"Stopped.{hint}", soft_wrap=True)


def present(demo: Demo, console: Console, door: Door, *, label: str) -> None:
    """Score the held-out rows through the door and show how to call it."""
    out = demo.plan.out
    endpoint = Endpoint(NAME, url=door.url, environ=demo.environ)
    task = packaging.read(out, STAGES[-1]).output.task
    found = score(endpoint, out / TEST_FILE, label=label, task=task)
    show.scored(console, found)
    show.calls(console, url=door.url, name=NAME, row=found.first)


@contextlib.contextmanager
def ending(*, quietly: bool) -> Generator[None]:
    """Take SIGTERM and a closed terminal as Ctrl-C; quietly, when an end is what is waited for."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in ENDINGS}
    try:
        yield
    except KeyboardInterrupt:
        if not quietly:
            raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
