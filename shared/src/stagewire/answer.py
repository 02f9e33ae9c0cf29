"""What a stage answers, before a format is chosen for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stagewire.errors import SchemaMismatch
from stagewire.request import Origin, Policy
from stagewire.table import Column, Role, objects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagewire.request import Request
    from stagewire.schema import Schema
    from stagewire.table import Array, Table

PREDICTION = "prediction"
ERRORS = "prediction_error"
# pandas' split form carries its index beside the columns; it is carried under this name.
INDEX = "__index__"


@dataclass(frozen=True, slots=True)
class Answer:
    """The caller's own columns, and the stage's results beside them.

    `results` are features, or a `prediction` followed by one `prediction_<class>` a class, or several
    predictions, `prediction_0` and so on.
    Rows with errors are missing in them (NaN or None) when the policy is `null`.
    """

    request: Request
    rows: int
    caller: tuple[Column, ...]
    results: tuple[Column, ...]
    classes: tuple[str | int, ...] = ()

    @property
    def several(self) -> bool:
        """Whether the results are several predictions, none of which is the prediction."""
        return not self.featurized and bool(self.results) and self.results[0].name != PREDICTION

    @property
    def featurized(self) -> bool:
        """Whether the results are features, for another stage to read."""
        return bool(self.results) and self.results[0].role is Role.FEATURE

    def named(self) -> tuple[Column, ...]:
        """Return all columns of a named answer, in order.

        Raises:
            SchemaMismatch: a result has the same name as a caller's column.

        """
        split = self.request.origin is Origin.JSON_SPLIT
        caller = [column for column in self.caller if not (split and column.name == INDEX)]
        columns = (*caller, *self.results)
        seen: set[str] = set()
        for column in columns:
            if column.name in seen:
                raise SchemaMismatch(
                    f"the input column {column.name!r} has the same name as a column of the answer; rename it"
                )
            seen.add(column.name)
        return columns

    def bare(self, *, proba: bool) -> tuple[Column, ...]:
        """Return the results alone: features, or what is predicted, with its probabilities if asked."""
        results = tuple(column for column in self.results if column.role is not Role.ERROR)
        return results if self.featurized or proba else predicted(results)


def predicted(results: tuple[Column, ...]) -> tuple[Column, ...]:
    """Leave out the probabilities that follow a prediction; several predictions have names of their own."""
    return results if results and results[0].name != PREDICTION else results[:1]


def assemble(data: Table, results: Table, output: Schema | None) -> Answer:
    """Put the results of a stage beside what its caller sent.

    `data` has all rows, `results` has those without error; under `null` the rest become missing,
    under `drop` they are left out.
    """
    request = data.request
    columns = tuple(c for c in results.columns if c.role is not Role.ERROR)
    featurized = any(column.role is Role.FEATURE for column in columns)
    caller = data.of(Role.CARRIED) if featurized else data.of(Role.INPUT, Role.CARRIED)
    rows = data.rows
    if data.errors and request.policy is Policy.DROP:
        caller = tuple(column.take(data.valid) for column in caller)
        rows = results.rows
    elif data.errors:
        columns = tuple(Column(c.name, scatter(c, data.valid), c.role) for c in columns)
    if request.policy is Policy.NULL and not featurized:
        columns = (*columns, Column(_unused(columns), reasons(data), Role.ERROR))
    return Answer(request, rows, caller, columns, output.classes if output else ())


def _unused(columns: Sequence[Column]) -> str:
    """Name the column of reasons: a class may be called "error", whose probability has that name."""
    name, taken = ERRORS, {column.name for column in columns}
    while name in taken:
        name += "_reason"
    return name


def scatter(column: Column, valid: Array) -> Array:
    """Spread the values of good rows over all rows, shape (rows,); the others are missing.

    `valid` is boolean, shape (rows,), and true for the good rows.
    """
    values = column.numpy()
    if values.dtype.kind == "f":
        full = np.full(len(valid), np.nan, dtype=values.dtype)
    else:
        full, values = objects([None] * len(valid)), objects(values.tolist())
    full[valid] = values
    return full


def reasons(data: Table) -> Array:
    """Return why each row has no answer: text, shape (rows,), None for good rows."""
    texts: list[str | None] = [None] * data.rows
    for error in data.errors:
        said = texts[error.row]
        texts[error.row] = f"{said}; {error.text}" if said else error.text
    return objects(texts)
