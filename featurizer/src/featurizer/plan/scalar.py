"""A plan run on Python's own numbers, a row at a time: for few rows NumPy's fixed costs are the larger part.

The operations are the same float64 operations in the same order, which IEEE 754 gives one result.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from featurizer.plan.run import Words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from featurizer.plan.run import Chain, Places, Plan

    Step: TypeAlias = tuple[Callable[[float, float], float], float]
    Lookup: TypeAlias = tuple[int, Mapping[Any, int], Sequence[Any], Sequence[int]]


class Scalar:
    """A plan without numeric codes and clipping, which only NumPy does here."""

    def __init__(self, plan: Plan) -> None:
        self.width = plan.width
        self.limit = plan.limit
        self.numbers = [
            number for chain, places in plan.chains for number in _numbers(chain, places)
        ]
        self.lookups: list[Lookup] = [
            (table.coder.source, table.coder.codes, _cells(table), _indices(table.places))
            for table in plan.tables
            if isinstance(table.coder, Words)
        ]

    def __call__(self, row: Sequence[Any]) -> list[float] | None:
        """Return a row's features; None leaves it to the plan, which knows what to refuse."""
        found = [0.0] * self.width
        limit = self.limit
        for source, place, steps in self.numbers:
            value = row[source]
            if value > limit or value < -limit:
                return None
            for step, constant in steps:
                value = step(value, constant)
            found[place] = value
        for source, codes, cells, places in self.lookups:
            chosen = cells[codes[row[source]]]
            if chosen is None:
                return None
            for place, value in zip(places, chosen, strict=True):
                found[place] = value
        return found


def scalar(plan: Plan) -> Scalar | None:
    """Make the plan's scalar form, or None where it has none."""
    known = all(
        name in STEPS and not (name == "divide" and not np.all(constants[0]))
        for chain, _ in plan.chains
        for name, constants in chain.operations
    )
    words = all(isinstance(table.coder, Words) for table in plan.tables)
    return Scalar(plan) if known and words else None


def _numbers(chain: Chain, places: Places) -> list[tuple[int, int, list[Step]]]:
    """Give each column of a chain its own steps."""
    return [
        (source, place, [(STEPS[name], _constant(each, i)) for name, each in chain.operations])
        for i, (source, place) in enumerate(zip(chain.sources, _indices(places), strict=True))
    ]


def _constant(constants: Any, column: int) -> float:
    return float(np.ravel(constants[0])[column]) if constants else 0.0


def _cells(table: Any) -> list[list[float] | None]:
    """Return the features by code, None for a code that is refused."""
    return [
        None if code in table.refused else cells for code, cells in enumerate(table.cells.tolist())
    ]


def _indices(places: Places) -> list[int]:
    if isinstance(places, slice):
        return list(range(places.start, places.stop))
    return [int(place) for place in places]


def _fill(value: float, constant: float) -> float:
    return constant if value != value else value  # noqa: PLR0124 (nan is missing)


def _missing(value: float, _constant: float) -> float:
    return 1.0 if value != value else 0.0  # noqa: PLR0124 (nan is missing)


STEPS: Mapping[str, Callable[[float, float], float]] = {
    "fill": _fill,
    "missing": _missing,
    "subtract": operator.sub,
    "divide": operator.truediv,
    "multiply": operator.mul,
    "add": operator.add,
}
