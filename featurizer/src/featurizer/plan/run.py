"""A plan as serving has it: arrays, and nothing of scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from featurizer.plan.operations import apply
from stagewire.errors import BadRows, RowError
from stagewire.excerpt import shorten
from stagewire.limits import REASON_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Columns: TypeAlias = Sequence[NDArray[Any]]
    Floats: TypeAlias = NDArray[np.float64]
    Places: TypeAlias = slice[int, int, None] | NDArray[np.intp]
    # By code of a value: the place in the order of refusals, the column named, and what is shown.
    Refusals: TypeAlias = Mapping[int, tuple[int, int, str | None]]


class Outlier(Exception):
    """A number so large that scikit-learn may refuse it midway; scikit-learn itself must decide."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Operations on numeric columns, all at once; constants have the shape (columns, 1)."""

    sources: tuple[int, ...]
    operations: tuple[tuple[str, tuple[Any, ...]], ...]

    def values(self, columns: Columns, limit: float) -> Floats:
        """Compute, float64, shape (columns, rows).

        Raises:
            Outlier: a number is beyond plus or minus `limit`.

        """
        parts = [columns[source] for source in self.sources]
        X = np.concatenate(parts, dtype=np.float64).reshape(len(parts), -1)
        if (np.abs(X) > limit).any():
            raise Outlier
        return apply(X, self.operations)


@dataclass(frozen=True, slots=True)
class Words:
    """The codes of a text column: of a known word, then of a missing one, then of any other."""

    source: int
    codes: Codes

    def of(self, columns: Columns, _limit: float) -> tuple[NDArray[np.intp], Any]:
        """Return the code of each row, and the values that are coded."""
        values = columns[self.source]
        found = map(self.codes.__getitem__, values.tolist())
        return np.fromiter(found, dtype=np.intp, count=len(values)), values


class Codes(dict[Any, int]):
    """Codes by word; what is no known word is missing, or another."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__({word: code for code, word in enumerate(words)})
        self[None] = len(words)

    def __missing__(self, word: object) -> int:
        return len(self) - 1 if word != word else len(self)  # noqa: PLR0124 (nan is missing)


@dataclass(frozen=True, slots=True)
class Levels:
    """The codes of a numeric column, by its place among sorted levels."""

    chain: Chain
    levels: Floats

    def of(self, columns: Columns, limit: float) -> tuple[NDArray[np.intp], Any]:
        """Return the code of each row, and the values that are coded."""
        values, count = self.chain.values(columns, limit)[0], len(self.levels)
        codes = np.searchsorted(self.levels, values)
        found = np.append(self.levels, np.nan)[codes] == values
        others = np.where(np.isnan(values), count, count + 1)
        return np.where(found, codes, others), values


@dataclass(frozen=True, slots=True)
class Coded:
    """The features of each code, shape (codes, features), and the codes that are refused."""

    coder: Words | Levels
    cells: Floats
    places: Places
    refused: Refusals


@dataclass(frozen=True, slots=True)
class Plan:
    """A fitted transformer as chains and tables.

    Numbers beyond `limit` are left to scikit-learn.
    """

    width: int
    chains: tuple[tuple[Chain, Places], ...]
    tables: tuple[Coded, ...]
    limit: float

    def __call__(self, columns: Columns, rows: int) -> Floats:
        """Return the features of columns in the schema's order, shape (rows, features).

        Raises:
            BadRows: an encoder refuses rows; names every one.
            Outlier: a number is too large for the plan.

        """
        features = np.empty((rows, self.width))
        errors: dict[int, tuple[int, str]] = {}
        # Where scikit-learn overflows it warns, and answers the same.
        with np.errstate(over="ignore", invalid="ignore"):
            for chain, places in self.chains:
                features[:, places] = chain.values(columns, self.limit).T
            for table in self.tables:
                codes, values = table.coder.of(columns, self.limit)
                features[:, table.places] = table.cells[codes]
                if table.refused:
                    _refuse(codes, values, table.refused, errors)
        if errors:
            raise _bad(errors)
        return features


def places(numbers: Sequence[int]) -> Places:
    """Return a slice where it does, since NumPy is several times faster with it."""
    first = numbers[0] if numbers else 0
    if list(numbers) == list(range(first, first + len(numbers))):
        return slice(first, first + len(numbers))
    return np.array(numbers, dtype=np.intp)


def _refuse(
    codes: NDArray[np.intp], values: Any, refused: Refusals, errors: dict[int, tuple[int, str]]
) -> None:
    """Note the refused rows; the refusal that comes first in scikit-learn is a row's reason."""
    for row in np.flatnonzero(np.isin(codes, list(refused))).tolist():
        order, column, shown = refused[int(codes[row])]
        if row not in errors or order < errors[row][0]:
            value = repr(values[row]) if shown is None else shown
            reason = f"Found unknown categories [{value}] in column {column} during transform"
            errors[row] = order, shorten(f"is refused: {reason}", REASON_CHARACTERS)


def _bad(errors: Mapping[int, tuple[int, str]]) -> BadRows:
    found = [RowError(row, None, None, errors[row][1]) for row in sorted(errors)]
    count = len(found)
    return BadRows(f"the transformer refuses {count} row{'s' if count > 1 else ''}", rows=found)
