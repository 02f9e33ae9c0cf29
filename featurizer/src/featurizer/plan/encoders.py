"""What a fitted encoder answers to each value of a column, asked of the encoder itself."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from featurizer.features import dense
from featurizer.plan.symbols import Guard, Lookup, Refusal, Unplanned, Word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from featurizer.plan.symbols import Number, Symbol

    Rows = list[tuple[float, ...] | None]


def encode(
    name: str, encoder: Any, column: int, symbol: Symbol, *, order: int
) -> tuple[list[Lookup], Guard]:
    """Return the features that an encoder makes of its column number `column`, and what it refuses.

    Raises:
        Unplanned: the categories are not all text or all numbers.

    """
    if isinstance(symbol, Lookup):
        # What an earlier step made of a column is a finite set of numbers.
        given: list[str | None] = [repr(np.float64(cell)) for cell in symbol.cells]
        rows = ask(encoder, column, symbol.cells)
        return _features(symbol.key, symbol.known, rows, given, Refusal(order, column))
    text = isinstance(symbol, Word)
    known = _categories(name, encoder.categories_[column], text=text)
    missing = symbol.fill if isinstance(symbol, Word) and symbol.fill is not None else np.nan
    other: Any = _unlike(known) if text else _beyond(known)
    rows = ask(encoder, column, [*known, missing, other])
    # What a refusal shows: the text filled in, nan among text, else the value of the row itself.
    shown = [*[None] * len(known), repr(missing) if text else None, None]
    key = Word(symbol.source) if isinstance(symbol, Word) else symbol
    return _features(key, tuple(known), rows, shown, Refusal(order, column))


def _features(
    key: Number | Word,
    known: tuple[Any, ...],
    rows: Rows,
    shown: Sequence[str | None],
    refusal: Refusal,
) -> tuple[list[Lookup], Guard]:
    refusals = [
        replace(refusal, shown=text) if row is None else None
        for row, text in zip(rows, shown, strict=True)
    ]
    width = next((len(row) for row in rows if row is not None), 0)
    filled = [(np.nan,) * width if row is None else row for row in rows]
    features = [Lookup(key, known, tuple(cells)) for cells in zip(*filled, strict=True)]
    return features, Guard(key, known, tuple(refusals))


def ask(encoder: Any, column: int, values: Sequence[Any]) -> Rows:
    """Return the features of each value in that column, None where the encoder refuses it."""
    try:
        return _answers(encoder, column, values)
    except ValueError:
        if len(values) == 1:
            return [None]
        return [row for value in values for row in ask(encoder, column, [value])]


def _answers(encoder: Any, column: int, values: Sequence[Any]) -> Rows:
    kinds = [categories.dtype for categories in encoder.categories_]
    cells = [[categories[0]] * len(values) for categories in encoder.categories_]
    cells[column] = list(values)
    names = getattr(encoder, "feature_names_in_", range(len(cells)))
    frame = pd.DataFrame(
        {
            # Whatever the fit saw, serving brings float64: an unknown category may be 0.5 or missing.
            name: pd.Series(each, dtype=np.float64 if kind.kind in "fiub" else object)
            for name, each, kind in zip(names, cells, kinds, strict=True)
        }
    )
    with warnings.catch_warnings():
        # An encoder with handle_unknown="warn" warns, and does what it does.
        warnings.simplefilter("ignore")
        found = dense(encoder.transform(frame))
    ends = np.cumsum([0, *getattr(encoder, "_n_features_outs", [1] * len(cells))])
    return [tuple(row) for row in found[:, ends[column] : ends[column + 1]].tolist()]


def _categories(name: str, categories: Any, *, text: bool) -> list[Any]:
    values = [value for value in categories.tolist() if value == value]  # noqa: PLR0124 (not nan)
    kinds = str if text else int | float
    if any(not isinstance(value, kinds) for value in values):
        raise Unplanned(name, f"categories that are not all {'text' if text else 'numbers'}")
    return values if text else [float(value) for value in values]


def _unlike(values: Sequence[str]) -> str:
    return max((*values, ""), key=len) + "?"


def _beyond(values: Sequence[float]) -> float:
    return float(np.nextafter(max(values, default=0.0), np.inf))
