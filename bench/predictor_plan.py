"""How a predictor's plan compares with XGBoost's inplace_predict, in one process and interleaved.

`python bench/predictor_plan.py` prints, for forests of several shapes and batches of 1 to 10,000 rows,
the medians of both, their ratio (above 1 the plan is faster) and its quartiles over the rounds. Every
round times the two one after the other, on one thread each, so that the noise of a shared machine
falls on both; all answers are compared to the bit.
"""

from __future__ import annotations

import gc
import tempfile
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import xgboost as xgb

from predictor import signature as signatures
from predictor.compiling import make
from predictor.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from predictor.plan import Plan

    Scorer = Callable[[NDArray[np.float32]], NDArray[np.float32]]

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_000, 10_000)
FEATURES = 10
# A second or so a line: enough rounds for steady medians of the small, a few of the large.
ROWS_A_LINE = 20_000
LEAST_ROUNDS, MOST_ROUNDS = 7, 400
SHAPES: Mapping[str, Mapping[str, object]] = {
    "200 trees, depth 6": {"rounds": 200, "max_depth": 6},
    "300 trees, depth 4 (the default's shape)": {"rounds": 300, "max_depth": 4},
    "100 trees, depth 9 (walked)": {"rounds": 100, "max_depth": 9},
    "binary, 200 trees, depth 4": {
        "rounds": 200,
        "max_depth": 4,
        "objective": "binary:logistic",
    },
    "3 classes, 3 x 100 trees, depth 4": {
        "rounds": 100,
        "max_depth": 4,
        "objective": "multi:softprob",
        "num_class": 3,
    },
}


def main() -> None:
    """Print a table a shape."""
    rows = data(max(SIZES))
    for title, shape in SHAPES.items():
        plan, engine = train(rows[:4_000], dict(shape))
        print(f"\n{title}: {type(plan.leaves).__name__.lower()}")
        print(f"{'rows':>7} {'plan us':>10} {'xgboost us':>11} {'ratio':>7}  quartiles")
        for size in SIZES:
            own, other = interleaved(plan, engine, rows[:size])
            low, middle, high = np.quantile(other / own, [0.25, 0.5, 0.75])
            spread = f"{low:.2f}-{high:.2f}"
            medians = f"{np.median(own) * 1e6:10.1f} {np.median(other) * 1e6:11.1f}"
            print(f"{size:7} {medians} {middle:7.2f}  {spread}")


def data(count: int) -> NDArray[np.float32]:
    """Draw features with a missing value among a hundred."""
    draw = np.random.default_rng(0)
    rows = np.round(draw.normal(size=(count, FEATURES)), 3).astype(np.float32)
    rows[draw.random(rows.shape) < 0.01] = np.nan  # noqa: PLR2004 (one in a hundred)
    return rows


def train(rows: NDArray[np.float32], shape: dict[str, object]) -> tuple[Plan, Engine]:
    """Return a forest both ways."""
    label = np.nansum(rows, axis=1) + np.nan_to_num(rows[:, 0] * rows[:, 1])
    if "objective" in shape:
        label = np.digitize(
            label, [0.0] if shape["objective"] == "binary:logistic" else [-2.0, 2.0]
        )
    rounds = int(str(shape.pop("rounds")))
    parameters = {"eta": 0.05, "nthread": 1, **shape}
    booster = xgb.train(parameters, xgb.DMatrix(rows, label), rounds)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.ubj"
        booster.save_model(path)
        signature = signatures.of(booster)
        engine = Engine(path, signature)
        return make(engine.booster, signature), engine


def interleaved(
    plan: Scorer, engine: Scorer, rows: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Time both, in turn; seconds, shape (rounds,)."""
    if plan(rows).tobytes() != engine(rows).tobytes():
        raise SystemExit(f"{len(rows)} rows: the answers differ")
    gc.disable()
    count = min(MOST_ROUNDS, max(LEAST_ROUNDS, ROWS_A_LINE // len(rows)))
    times = [(seconds(plan, rows), seconds(engine, rows)) for _ in range(count)]
    gc.enable()
    own, other = np.array(times).T
    return own, other


def seconds(scorer: Scorer, rows: NDArray[np.float32]) -> float:
    """Time one call."""
    start = perf_counter()
    scorer(rows)
    return perf_counter() - start


if __name__ == "__main__":
    main()
