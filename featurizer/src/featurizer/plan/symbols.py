"""What a column has become on its way through a transformer: a chain of operations, or a look-up."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from featurizer.plan.operations import alone

if TYPE_CHECKING:
    from featurizer.plan.operations import Operation


class Unplanned(Exception):
    """A step that no plan can do; `step` is its name, and the text says why."""

    def __init__(self, step: str, reason: str) -> None:
        super().__init__(f"{step}: {reason}")
        self.step = step
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Refusal:
    """A value that an encoder refuses.

    `order` says when, among all refusals of a row; `column` is the one it names. `shown` is the
    value as its message has it, None for the value of the row itself.
    """

    order: int
    column: int
    shown: str | None = None


@dataclass(frozen=True, slots=True)
class Number:
    """A numeric input column and what was done to it."""

    source: int
    operations: tuple[Operation, ...] = ()

    def then(self, *operations: Operation) -> Number:
        """Append operations."""
        return Number(self.source, (*self.operations, *operations))

    def fits(self, bound: float) -> bool:
        """Tell whether inputs within plus or minus `bound`, or missing, cannot have become infinite.

        All operations are monotone, rounding included, so the ends tell it.
        """
        ends = (-bound, bound, np.nan)
        return not any(np.isinf(alone(end, self.operations)) for end in ends)


@dataclass(frozen=True, slots=True)
class Word:
    """A text input column; `fill` stands in for what is missing."""

    source: int
    fill: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Lookup:
    """A feature that depends only on which of some values a text or numeric column has.

    `cells` are those of the known values, then of a missing one, then of any other.
    """

    key: Number | Word
    known: tuple[str | float, ...]
    cells: tuple[float, ...]

    def then(self, *operations: Operation) -> Lookup:
        """Compute every cell now, so that a request need not."""
        return replace(self, cells=tuple(alone(cell, operations) for cell in self.cells))


@dataclass(frozen=True, slots=True, eq=False)
class Guard:
    """What an encoder refuses of a column: like the cells of a `Lookup`, None where it accepts."""

    key: Number | Word
    known: tuple[str | float, ...]
    refusals: tuple[Refusal | None, ...]


Symbol: TypeAlias = Number | Word | Lookup


@dataclass(frozen=True, slots=True)
class Block:
    """Columns side by side between two steps; None is a column that no step may use."""

    columns: tuple[Symbol | None, ...]
    sparse: bool = False


@dataclass(slots=True)
class Walk:
    """What steps ask of a row besides features, in the order in which they run.

    `order` counts the columns of encoders, `checked` are the columns in which scikit-learn looks
    for infinities.
    """

    order: int = 0
    guards: list[Guard] = field(default_factory=list)
    checked: list[Number] = field(default_factory=list)

    def turn(self) -> int:
        """Return the place of the next encoder's column."""
        self.order += 1
        return self.order - 1
