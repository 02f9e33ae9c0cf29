"""Rows at the edges of a plan: cells that are missing, unknown, +0 or -0, huge, or at a limit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from featurizer.plan.operations import INVERSE, OPERATIONS
from featurizer.plan.run import Levels, Words
from stagewire.table import Column, Table, objects

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from featurizer.plan.run import Chain, Plan
    from stagewire.schema import Schema

# Zeros of both signs, the smallest and the largest numbers, and what float32 can just hold.
_NUMBERS = (0.0, 1.0, 5e-324, 2.3e-308, 1e-30, 1e30, 3.4028235677973366e38, 1e300, 1.7e308)
_WORDS = ("", " ", "?", "nan", "NaN", "None", "missing", "missing_value", "0", "é", "x" * 300)


def edges(plan: Plan, schema: Schema, samples: Table) -> Table:
    """Return rows that are a usual one but for one cell, and one in which all is missing.

    A usual row is the first of the samples without a missing value, or else the first.
    """
    columns = [samples[name] for name in schema.names]
    base = [column[_usual(columns)] for column in columns]
    kinds = [field.numeric for field in schema.fields]
    rows = [list(base), [np.nan if numeric else None for numeric in kinds]]
    for source, numeric in enumerate(kinds):
        cells = numbers(plan, source) if numeric else words(plan, source)
        rows += [[*base[:source], cell, *base[source + 1 :]] for cell in cells]
    made = (
        Column(field.name, np.array(cells, dtype=np.float64) if field.numeric else objects(cells))
        for field, cells in zip(schema.fields, zip(*rows, strict=True), strict=True)
    )
    return replace(samples, columns=tuple(made), rows=len(rows), block=None)


def _usual(columns: list[Any]) -> int:
    missing = np.zeros(len(columns[0]), dtype=bool)
    for column in columns:
        missing |= np.array([value is None or value != value for value in column.tolist()])  # noqa: PLR0124
    return int(np.argmin(missing))


def words(plan: Plan, source: int) -> list[str | None]:
    """Return every word that the plan knows in a column, words it does not know, and none."""
    coders = [table.coder for table in plan.tables]
    known = [
        word
        for coder in coders
        if isinstance(coder, Words) and coder.source == source
        for word in coder.codes
        if word is not None
    ]
    near = [other for word in known[:100] for other in (word + " ", word.swapcase())]
    return list(dict.fromkeys((*known, *near, *_WORDS, None)))


def numbers(plan: Plan, source: int) -> list[float]:
    """Return numbers at which a column's features turn, their neighbours, and extremes; NaN too."""
    found = [*_NUMBERS, *(-number for number in _NUMBERS)]
    with np.errstate(all="ignore"):
        for chain, targets in _chains(plan):
            for column in (i for i, each in enumerate(chain.sources) if each == source):
                found += _around(_turns(chain, column, targets))
    limit = plan.limit
    inside = [number for number in found if abs(number) <= limit]
    # By bits, since 0.0 and -0.0 are equal and both are wanted.
    unique = np.unique(np.array([*inside, limit, -limit]).view(np.int64)).view(np.float64)
    return [*unique.tolist(), np.nan]


def _chains(plan: Plan) -> Iterator[tuple[Chain, list[float]]]:
    for chain, _ in plan.chains:
        yield chain, []
    for table in plan.tables:
        if isinstance(table.coder, Levels):
            yield table.coder.chain, table.coder.levels.tolist()


def _turns(chain: Chain, column: int, targets: Iterable[float]) -> list[float]:
    """Follow a chain backwards: what must come in, for a constant or a level to be met on the way."""
    met = np.array(list(targets), dtype=np.float64)
    for name, constants in reversed(chain.operations):
        values = [float(np.ravel(each)[column] if np.ndim(each) else each) for each in constants]
        if name in INVERSE:
            OPERATIONS[INVERSE[name]](met, values[0])
        met = np.append(met, [*values, 0.0])
    return [float(value) for value in met]


def _around(values: Iterable[float]) -> list[float]:
    """Add the neighbours of each: the way back rounds, so the turn itself may be one of them."""
    return [
        near
        for value in values
        for near in (np.nextafter(value, -np.inf), value, np.nextafter(value, np.inf))
        if np.isfinite(near)
    ]
