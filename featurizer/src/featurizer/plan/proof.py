"""Proof that a plan gives, bit for bit, what scikit-learn gives: on training rows and edge rows."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from stagewire.errors import BadRows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from stagewire.errors import RowError
    from stagewire.schema import Schema
    from stagewire.table import Table

    Floats = NDArray[np.float64]
    Compute = Callable[[Table], Floats]

# Rows computed at a time, to bound the memory: with some tens of columns, a few MiB.
CHUNK = 16_384
# Rows that are also computed alone: the plan takes some 20 us for each, scikit-learn 4 ms.
SINGLE = 1024
ALONE = 32


class Unequal(Exception):
    """A row for which the plan and scikit-learn differ; the text names it."""


class Both(Protocol):
    """A plan in its two forms: for tables, and for few rows of Python's own numbers."""

    @property
    def schema(self) -> Schema:
        """The columns that it takes."""
        ...

    def __call__(self, data: Table) -> Floats:
        """Return the features, shape (rows, features)."""
        ...

    def few(self, rows: Sequence[Sequence[Any]]) -> list[float] | None:
        """Return the features of rows of cells, one row after another; None where it has none."""
        ...


@dataclass(frozen=True, slots=True)
class Proof:
    """How many rows agreed, how many of them by being refused alike, and a digest of all bits."""

    rows: int
    refused: int
    sha256: str


def prove(plan: Compute, reference: Compute, data: Table, *, alone: int = ALONE) -> Proof:
    """Compare all rows in batches, and some alone.

    Raises:
        Unequal: a row differs in a bit of a feature, or only one of the two refuses it.

    """
    digest, refused = hashlib.sha256(), 0
    # In scikit-learn huge numbers overflow and odd categories warn; both are part of the proof.
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for start in range(0, data.rows, CHUNK):
            numbers = np.arange(start, min(start + CHUNK, data.rows))
            good, features = _agreed(plan, reference, _taken(data, numbers), numbers)
            refused += len(numbers) - len(good)
            digest.update(features.tobytes())
        _singly(plan, plan, _taken(data, np.arange(min(SINGLE, data.rows))))
        _singly(plan, reference, _taken(data, np.arange(min(alone, data.rows))))
    return Proof(data.rows, refused, digest.hexdigest())


def prove_few(plan: Both, data: Table) -> None:
    """Compare the plan on Python's numbers, row by row, with the plan on arrays.

    Raises:
        Unequal: a row differs in a bit of a feature, or one that the plan refuses is answered.

    """
    cells = zip(*(data[name].tolist() for name in plan.schema.names), strict=True)
    with np.errstate(all="ignore"):
        good, features = _agreed(plan, plan, data, np.arange(data.rows))
    expected = dict(zip(good.tolist(), features, strict=True))
    for number, row in enumerate(cells):
        found = plan.few([row])
        if found is None:
            continue
        if number not in expected:
            raise Unequal(f"row {number}: it is refused in a batch, but not alone")
        _check(expected[number][None], np.array([found]), [number])


def _singly(plan: Compute, reference: Compute, data: Table) -> None:
    """Compare each row alone with its part in a batch, then with what the reference gives it."""
    batch = dict(zip(*_numbered(plan, data), strict=True))
    for number in range(data.rows):
        one = np.array([number])
        good, row = _agreed(plan, reference, _taken(data, one), one)
        if len(good):
            _check(batch[number][None], row, [number])


def _numbered(plan: Compute, data: Table) -> tuple[list[int], Floats]:
    good, features = _agreed(plan, plan, data, np.arange(data.rows))
    return good.tolist(), features


def _taken(data: Table, numbers: NDArray[np.intp]) -> Table:
    chosen = np.zeros(data.rows, dtype=bool)
    chosen[numbers] = True
    return data.take(chosen)


def _agreed(
    plan: Compute, reference: Compute, data: Table, numbers: NDArray[np.intp]
) -> tuple[NDArray[np.intp], Floats]:
    """Return the numbers of the rows that neither refuses, and their features."""
    while True:
        found, errors = _attempt(plan, data)
        wanted, expected = _attempt(reference, data)
        if found is not None and wanted is not None:
            _check(wanted, found, numbers.tolist())
            return numbers, found
        # scikit-learn is asked by halves for its first hundred bad rows, the plan knows all.
        if not expected or errors[: len(expected)] != expected:
            first = (errors or expected)[0]
            raise Unequal(
                f"row {numbers[first.row]}: only one of plan and scikit-learn says: {first.reason}"
            )
        keep = np.ones(data.rows, dtype=bool)
        keep[[error.row for error in expected]] = False
        data, numbers = data.take(keep), numbers[keep]
        if not data.rows:
            return numbers, np.empty((0, 0))


def _attempt(compute: Compute, data: Table) -> tuple[Floats | None, list[RowError]]:
    try:
        return compute(data), []
    except BadRows as error:
        return None, list(error.rows)
    except (ValueError, TypeError) as error:
        raise Unequal(f"scikit-learn fails on edge rows: {error}") from error


def _check(wanted: Floats, found: Floats, numbers: list[int]) -> None:
    if wanted.shape != found.shape:
        raise Unequal(f"features of shape {found.shape}, where scikit-learn gives {wanted.shape}")
    places: Any = np.argwhere(~same(wanted, found))
    if len(places):
        row, feature = places[0]
        raise Unequal(
            f"row {numbers[row]}, feature {feature}: {found[row, feature]!r}, where scikit-learn gives {wanted[row, feature]!r}"
        )


def same(a: Floats, b: Floats) -> NDArray[np.bool]:
    """Tell where values are equal, zeros of the same sign, or both missing."""
    equal: NDArray[np.bool] = (a == b) & (np.signbit(a) == np.signbit(b))
    return equal | (np.isnan(a) & np.isnan(b))
