"""Shows what the featurizer's plan saves: scikit-learn's time over its own, by number of rows.

Both featurize the same rows in one process, one after the other in every round; a figure is the
median of the rounds' ratios, and the range holds the middle 80 % of them. Answers are compared to
the bit first. Run it with `.venv/bin/python bench/featurizer_plan.py`.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from featurizer import model_fn
from featurizer.planned import Planned
from featurizer.training import train
from stagewire.compiling import compile_model
from stagewire.settings import Settings
from stagewire.start import Start
from stagewire.training import Job

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagewire.table import Table

DATA = Path(__file__).parents[1] / "pipeline" / "data" / "abalone.csv"
ROWS = (1, 10, 100, 1_000, 10_000)
# What a round spends on the plan at least, so that the clock's own cost does not count.
AT_LEAST = 0.002


def models(base: Path, data: Path) -> tuple[Planned, Callable[[Table], object], Table]:
    """Train and package on a file; returns the plan, scikit-learn and the rows."""
    channel = base / "input" / "data" / "train"
    channel.mkdir(parents=True)
    shutil.copy(data, channel / "train.csv")
    job = Job(base)
    train(job)
    found = compile_model("featurizer", Settings(base=base))
    plan = model_fn(str(job.model_dir))
    if not isinstance(plan, Planned):
        sys.exit(f"there is no plan: {found.plan}")
    plain = model_fn(str(job.model_dir), Start(str(job.model_dir), plan=False))
    return plan, plain, job.channel("train").table(found.input)


def seconds(work: Callable[[], object], times: int) -> float:
    """Return what one call takes, of several."""
    start = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - start) / times


def compare(
    plan: Planned, plain: Callable[[Table], object], rows: Table, rounds: int
) -> list[tuple[float, float]]:
    """Return the seconds of both, round by round."""
    if plan(rows).tobytes() != np.asarray(plain(rows)).tobytes():
        sys.exit(f"the plan differs from scikit-learn on {rows.rows} rows")
    times = max(1, int(AT_LEAST / seconds(lambda: plan(rows), 3)))
    return [
        (seconds(lambda: plan(rows), times), seconds(lambda: plain(rows), 1)) for _ in range(rounds)
    ]


def main() -> None:
    """Print a line for each number of rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="a CSV with the label last")
    parser.add_argument("--rounds", type=int, default=40)
    asked = parser.parse_args()
    logging.disable()
    with tempfile.TemporaryDirectory() as folder:
        plan, plain, data = models(Path(folder), asked.data)
        print(f"{'rows':>7} {'plan us':>9} {'sklearn us':>11} {'ratio':>7}  middle 80 %")
        for count in ROWS:
            chosen = np.resize(np.arange(data.rows), count)
            rows = type(data)(
                tuple(type(c)(c.name, c.numpy()[chosen], c.role) for c in data.columns), count
            )
            took = compare(plan, plain, rows, asked.rounds)
            ratios = sorted(theirs / ours for ours, theirs in took)
            ours, theirs = (statistics.median(each) * 1e6 for each in zip(*took, strict=True))
            low, high = ratios[len(ratios) // 10], ratios[-1 - len(ratios) // 10]
            ratio = statistics.median(ratios)
            print(f"{count:7} {ours:9.1f} {theirs:11.1f} {ratio:6.1f}x  {low:.1f}x to {high:.1f}x")


if __name__ == "__main__":
    main()
