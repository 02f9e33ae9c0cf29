"""The proof of a plan: rows that reach every node of every tree, scored by plan and by XGBoost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from predictor.trees import Unplanned

if TYPE_CHECKING:
    from collections.abc import Iterator

    import xgboost as xgb
    from numpy.typing import NDArray

    from predictor.engine import Engine
    from predictor.plan import Plan
    from predictor.trees import Trees

    Rows = NDArray[np.float32]

# This many sample rows are tried with each cell in turn missing or an odd number.
EDGED: Final = 64
_HUGE: Final = np.finfo(np.float32).max
_TINY: Final = np.finfo(np.float32).smallest_subnormal
ODD: Final = (np.nan, 0.0, -0.0, _HUGE, -_HUGE, _TINY, -_TINY)
# The first rows of each batch are also scored alone, this many.
ALONE: Final = 8
# Margins to try a link with: survival:aft, which has another exp, differs in one of 300.
MARGINS: Final = 20_000


def prove(plan: Plan, engine: Engine, samples: Rows) -> int:
    """Return how many rows have shown the plan to be bit-equal to XGBoost.

    Raises:
        Unplanned: a row has not.

    """
    if not len(samples):
        samples = np.zeros((1, samples.shape[1]), np.float32)
    rows = _link(plan, engine, samples.shape[1])
    for batch in _whole(samples):
        rows += _compare(plan, engine, batch)
        _agree(plan(batch), engine(batch), batch)
    for batch in _splits(plan.trees, samples):
        rows += _compare(plan, engine, batch)
    return rows


def _whole(samples: Rows) -> Iterator[Rows]:
    """Give the samples, and odd values in every one of their cells."""
    yield samples
    for column in range(samples.shape[1]):
        rows = np.repeat(samples[:EDGED], len(ODD), axis=0)
        rows[:, column] = np.tile(np.array(ODD, np.float32), len(samples[:EDGED]))
        yield rows


def _splits(trees: Trees, samples: Rows) -> Iterator[Rows]:
    """Give rows for the splits of each tree."""
    ends = [*trees.roots[1:], len(trees.left)]
    for root, end in zip(trees.roots, ends, strict=True):
        if end - root > 1:
            yield _edges(trees, int(root), int(end), samples)


def _edges(trees: Trees, root: int, end: int, samples: Rows) -> Rows:
    """Make rows that reach each split of a tree, on its threshold, beside it, and missing.

    What a row needs to get there is an interval of each feature; where a sample row lies outside,
    its value is moved to the lower end, or just below the upper.
    """
    width = samples.shape[1]
    low = np.full((end - root, width), -np.inf, np.float32)
    high = np.full((end - root, width), np.inf, np.float32)
    splits = root + np.flatnonzero(trees.feature[root:end] >= 0)
    for node in splits - root:
        left = trees.left[root + node] - root
        feature, number = trees.feature[root + node], trees.number[root + node]
        low[left : left + 2], high[left : left + 2] = low[node], high[node]
        high[left, feature] = min(high[node, feature], number)
        low[left + 1, feature] = max(low[node, feature], number)
    low, high = low[splits - root], high[splits - root]
    rows = samples[(splits + np.arange(len(splits))) % len(samples)]
    inside = (rows >= low) & (rows < high) | (np.isneginf(low) & np.isposinf(high))
    below = np.where(np.isposinf(high), np.float32(0), np.nextafter(high, np.float32(-np.inf)))
    rows = np.where(inside, rows, np.where(np.isneginf(low), below, low))
    return _on(rows, trees.feature[splits], trees.number[splits])


def _on(rows: Rows, feature: NDArray[np.int32], number: Rows) -> Rows:
    """Repeat each row with one feature at a number, at both its neighbours, and missing."""
    down, up = np.float32(-np.inf), np.float32(np.inf)
    near = [
        number,
        np.nextafter(number, down),
        np.nextafter(number, up),
        number * np.float32(np.nan),
    ]
    found = np.repeat(rows[None], len(near), axis=0)
    for each, values in zip(found, near, strict=True):
        each[np.arange(len(rows)), feature] = values
    flat: Rows = found.reshape(-1, rows.shape[1])
    return flat[~np.isinf(flat).any(axis=1)]


def _link(plan: Plan, engine: Engine, width: int) -> int:
    """Compare what margins of every size become: few rows of samples have rare ones."""
    groups = plan.trees.groups
    draw = np.random.default_rng(0)
    scale = draw.choice([0.1, 1, 10, 100], size=(MARGINS, 1))
    margin = (draw.normal(size=(MARGINS, groups)) * scale).astype(np.float32)
    data = _data(engine.booster, np.zeros((MARGINS, width), np.float32))
    data.set_base_margin(margin if groups > 1 else margin[:, 0])
    span = plan.signature.iterations
    margins = engine.booster.predict(data, iteration_range=span, output_margin=True)
    expected = engine.booster.predict(data, iteration_range=span)
    if plan.link(margins.reshape(-1, groups)).tobytes() != expected.tobytes():
        raise Unplanned(
            f"the plan turns margins into other numbers than XGBoost does for {plan.signature.objective}"
        )
    return MARGINS


def _compare(plan: Plan, engine: Engine, batch: Rows) -> int:
    """Compare a batch with Booster.predict, and its first rows with themselves alone."""
    found = plan(batch)
    _agree(found, _reference(engine.booster, batch, plan.signature.iterations), batch)
    alone = np.concatenate([plan(batch[i : i + 1]) for i in range(min(ALONE, len(batch)))])
    if alone.tobytes() != found[:ALONE].tobytes():
        raise Unplanned("a row alone gets other bits than in a batch")
    return len(batch)


def _agree(found: Rows, expected: Rows, batch: Rows) -> None:
    if found.shape != expected.shape or found.tobytes() != expected.tobytes():
        raise Unplanned(_difference(found, expected, batch))


def _reference(booster: xgb.Booster, batch: Rows, iterations: tuple[int, int]) -> Rows:
    found: Rows = booster.predict(_data(booster, batch), iteration_range=iterations)
    return found


def _data(booster: xgb.Booster, rows: Rows) -> xgb.DMatrix:
    from xgboost import DMatrix

    return DMatrix(rows, missing=np.nan, feature_names=booster.feature_names, nthread=1)


def _difference(found: Rows, expected: Rows, batch: Rows) -> str:
    if found.shape != expected.shape:
        return f"the plan gives the shape {found.shape} and XGBoost {expected.shape}"
    apart = (found.view(np.int32) != expected.view(np.int32)).reshape(len(batch), -1).any(axis=1)
    row = int(np.flatnonzero(apart)[0])
    return (
        f"{int(apart.sum())} of {len(batch)} rows differ, such as {batch[row].tolist()}: "
        f"the plan gives {found[row].tolist()!r} and XGBoost {expected[row].tolist()!r}"
    )
