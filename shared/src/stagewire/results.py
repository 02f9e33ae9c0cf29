"""What a predict function returned becomes a Table of results, whatever it returned."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from stagewire.conform import NOT_FINITE
from stagewire.errors import RowError, StageFailed
from stagewire.excerpt import shorten
from stagewire.table import Column, Role, Table, from_frame, from_matrix, objects

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stagewire.schema import Schema
    from stagewire.table import Array


def results(found: Any, rows: int | None, output: Schema | None) -> Table:
    """Make a table of results out of a Table, DataFrame, Series, array, sparse matrix or list.

    One dimension is a prediction; two are features, unless a column is called `prediction` or the
    output schema says otherwise. `rows` is how many were asked for, None where nobody knows.

    Raises:
        StageFailed: nothing that has one result a row.

    """
    table = _table(found, output)
    if rows is not None and table.rows != rows:
        raise StageFailed(f"predict_fn returned {table.rows} results for {rows} rows")
    return table


def _table(found: Any, output: Schema | None) -> Table:
    if isinstance(found, Table):
        return found
    if hasattr(found, "toarray"):
        found = found.toarray()
    if hasattr(found, "columns") and hasattr(found, "items"):
        return from_frame(found, role=_role(tuple(str(name) for name in found.columns), output))
    array = np.asarray(found.to_numpy() if hasattr(found, "to_numpy") else found)
    if array.dtype.kind in "US" and array.ndim:
        array = objects(array.tolist())
    if array.ndim == 1:
        return Table((Column("prediction", array, Role.PREDICTION),), len(array))
    if array.ndim != 2:  # noqa: PLR2004 (rows and columns)
        raise StageFailed(
            f"predict_fn returned {type(found).__name__} of shape {array.shape}; one result per row is expected"
        )
    if array.shape[1] == 1 and output is None:
        return _table(array[:, 0], output)
    fits = output is not None and len(output.names) == array.shape[1]
    names = output.names if output and fits else tuple(f"x{i}" for i in range(array.shape[1]))
    return from_matrix(names, array, role=_role(names, output))


def _role(names: tuple[str, ...], output: Schema | None) -> Role:
    if output is not None:
        return Role.FEATURE if output.task == "transform" else Role.PREDICTION
    return Role.PREDICTION if "prediction" in names else Role.FEATURE


def empty(output: Schema | None) -> Table:
    """Make the results of no rows."""
    if output is None:
        return Table((Column("prediction", np.empty(0), Role.PREDICTION),), 0)
    role = _role(output.names, output)
    columns = tuple(
        Column(f.name, np.empty(0, np.dtype(f.dtype) if f.numeric else object), role)
        for f in output.fields
    )
    return Table(columns, 0)


def unfit(data: Table, found: Table) -> list[RowError]:
    """Find the rows whose features are not finite as float32, which XGBoost would answer silently.

    The caller's own cell is named where it is beyond float32 itself or the feature has its name,
    else the feature.
    """
    errors: list[RowError] = []
    if (
        found.block is not None
        and found.block.dtype.kind == "f"
        and single(found.block) is not None
    ):
        return errors
    for column in found.of(Role.FEATURE):
        values = column.numpy()
        if values.dtype.kind != "f":
            continue
        with np.errstate(over="ignore"):
            infinite = np.isinf(values.astype(np.float32, copy=False))
        errors += [_unfit(data, row, column) for row in np.flatnonzero(infinite).tolist()]
    return sorted({error.row: error for error in reversed(errors)}.values(), key=lambda e: e.row)


def single(values: Array) -> NDArray[np.float32] | None:
    """Cast to float32, C-ordered; None when a value is not finite there, unless it is missing."""
    cast: NDArray[np.float32]
    if values.dtype == np.float32:
        cast = np.ascontiguousarray(values)
    else:
        with np.errstate(over="ignore"):
            cast = np.ascontiguousarray(values, dtype=np.float32)
    # As bytes: any() takes three times as long for few values.
    return None if b"\1" in np.isinf(cast).tobytes() else cast


def _unfit(data: Table, row: int, feature: Column) -> RowError:
    limit = np.finfo(np.float32).max
    for column in data.of(Role.FEATURE):
        values = column.numpy()
        if values.dtype.kind == "f" and abs(values[row]) > limit:
            return RowError(row, column.name, shorten(repr(float(values[row]))), NOT_FINITE)
    # A ColumnTransformer puts its own names before the columns': `numeric__length`.
    named = [c for c in data.of(Role.FEATURE) if f"__{feature.name}".endswith(f"__{c.name}")]
    if named:
        source = max(named, key=lambda column: len(column.name))
        # Of the one cell: a body may have as many such rows as it has rows.
        [cell] = replace(source, values=source.numpy()[row : row + 1]).tolist()
        reason = f"gives the feature {feature.name!r}, which {NOT_FINITE}"
        return RowError(row, source.name, None if cell is None else shorten(cell), reason)
    value = repr(float(feature.numpy()[row]))
    return RowError(row, feature.name, value, NOT_FINITE)
