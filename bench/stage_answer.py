"""Shows what each stage's own work takes, bytes in and bytes out, without a server.

Both stages are trained and packaged on the project's data, and answer CSV in, the hop between, CSV
out; a figure is a median of microseconds. Run it with `.venv/bin/python bench/stage_answer.py`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from chains import bodies
from chains.places import DATA

from stagewire import loading, settings
from stagewire.script import Context

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagewire.stage import Stage

ROWS = (1, 2, 8, 10, 100, 1_000, 10_000)
# The plan answers small batches of any stage; XGBoost is brought in for the larger ones.
LARGE = 256


def stages(out: Path, data: Path) -> tuple[Stage, Stage]:
    """Train and package both stages in a directory, and load them as their servers would."""
    program = [sys.executable, "-m", "stagewire_pipeline"]
    quiet = subprocess.DEVNULL
    subprocess.run([*program, "train", "--data", data, "--out", out], check=True, stdout=quiet)
    subprocess.run([*program, "package", "--out", out], check=True, stdout=quiet)
    first = settings.read({"SAGEMAKER_BASE_DIR": str(out / "featurizer"), "STAGEWIRE_HOP": "auto"})
    second = settings.read({"SAGEMAKER_BASE_DIR": str(out / "predictor")})
    return loading.load("featurizer", first), loading.load("predictor", second)


def microseconds(work: Callable[[], object], times: int) -> float:
    """Return the median of what a call takes."""
    took: list[float] = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        took.append(time.perf_counter() - start)
    return statistics.median(took) * 1e6


def main() -> None:
    """Print a line for each number of rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="a CSV with the label last")
    parser.add_argument("--out", type=Path, help="trained and packaged there, and kept")
    asked = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as folder:
        featurizer, predictor = stages(asked.out or Path(folder), asked.data)
        print(f"{'rows':>7} {'featurizer us':>14} {'predictor us':>13} {'both':>9}")
        for rows in ROWS:
            body = "".join(f"{line}\n" for line in bodies.lines(rows, asked.data)).encode()
            if rows > LARGE:
                predictor.model.scorer.warm().join()
            hop, kind = featurizer.answer(body, "text/csv", None, Context("", "a" * 32))

            def first(body: bytes = body) -> object:
                return featurizer.answer(body, "text/csv", None, Context("", "a" * 32))

            def second(hop: bytes = hop, kind: str = kind) -> object:
                return predictor.answer(hop, kind, None, Context("", "b" * 32))

            times = max(9, min(3_000, 60_000 // rows))
            took = [microseconds(work, times) for work in (first, second)]
            print(f"{rows:7} {took[0]:14.1f} {took[1]:13.1f} {sum(took):9.1f}")


if __name__ == "__main__":
    main()
