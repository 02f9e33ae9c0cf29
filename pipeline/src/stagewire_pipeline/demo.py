"""The demo: train, package, serve locally, score as a client, stop."""

from __future__ import annotations

import contextlib
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stagewire_pipeline import packaging, show
from stagewire_pipeline.door import Door, check_free, free_port, url_of
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
    from stagewire_pipeline.score import Scored
    from stagewire_pipeline.training import Plan

NAME = "abalone"
FILE = Path("data", "abalone.csv")
ENDINGS = (signal.SIGTERM, signal.SIGHUP)
AGAIN = "To send rows of your own, leave it running, by `make up` or `stagewire demo --keep`:"


@dataclass(frozen=True, kw_only=True)
class Demo:
    """What was asked for; `port` None is any free one, `keep` runs until Ctrl-C at `kept`."""

    plan: Plan
    port: int | None
    kept: int
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
    port = demo.port or (demo.kept if demo.keep else free_port())
    # Before a training that would be for nothing.
    check_free(port)
    with show.progress(console) as say:
        trained = train(demo.plan, stages(say), force=demo.force)
        artifacts = packaging.package(out, stages(say))
    show.outcome(console, trained)
    show.artifacts(console, artifacts)
    serve = f"{NAME}={','.join(str(each.path.absolute()) for each in artifacts)}"
    log = out / "door.log"
    with ending(quietly=demo.keep), Door(serve, port=port, log=log, environ=demo.environ) as door:
        with console.status("starting the chain"):
            door.wait_ready()
        found = measure(demo, door, label=trained.label)
        show.scored(console, found)
        if demo.keep:
            show.calls(console, url=door.url, name=NAME, row=found.first)
            told = f"The chain runs at {door.url} and logs to {log}. Stop it with Ctrl-C."
            console.print(told, soft_wrap=True)
            door.wait_end()
    if demo.keep:
        console.print("Stopped.")
    else:
        # The lines of the door that would be left running: this one is gone.
        console.print(f"Stopped. {AGAIN}", soft_wrap=True)
        show.calls(console, url=url_of(demo.kept), name=NAME, row=found.first)


def measure(demo: Demo, door: Door, *, label: str) -> Scored:
    """Score the held-out rows through the door, as any client would."""
    out = demo.plan.out
    endpoint = Endpoint(NAME, url=door.url, environ=demo.environ)
    task = packaging.read(out, STAGES[-1]).output.task
    return score(endpoint, out / TEST_FILE, label=label, task=task)


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
