"""The rows that cross a stage: named columns and the request's options, with no framework in them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from stagewire.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd
    import pyarrow as pa
    from numpy.typing import DTypeLike, NDArray

    from stagewire.errors import RowError

    Array: TypeAlias = NDArray[Any]
    # A carried column may stay what it was in Arrow: nobody computes with it, so decimals, time
    # zones and dictionaries go through unharmed.
    Values: TypeAlias = Array | pa.ChunkedArray


class Role(StrEnum):
    """What a column is to the stages: computed with, carried along, or an answer.

    An `input` is a feature as its caller wrote it, kept for an answer that repeats it.
    """

    FEATURE = "feature"
    INPUT = "input"
    CARRIED = "carried"
    PREDICTION = "prediction"
    ERROR = "error"


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A named column.

    `values` is 1-D: floats with NaN for missing, integers, booleans, objects (text, or whatever
    JSON held) with None for missing, or an Arrow array for a carried column.
    """

    name: str
    values: Values
    role: Role = Role.FEATURE

    def take(self, rows: Array) -> Column:
        """Keep the rows where a boolean array, shape (rows,), is true."""
        if isinstance(self.values, np.ndarray):
            return replace(self, values=self.values[rows])
        return replace(self, values=self.values.filter(_arrow(rows)))

    def numpy(self) -> Array:
        """Return the values as a NumPy array, objects where Arrow's type has no NumPy one."""
        if isinstance(self.values, np.ndarray):
            return self.values
        return objects(self.values.to_pylist())

    def tolist(self) -> list[Any]:
        """Return the values as Python's own, None for missing."""
        if not isinstance(self.values, np.ndarray):
            return list(self.values.to_pylist())
        if self.values.dtype.kind != "f":
            return list(self.values.tolist())
        return [None if value != value else value for value in self.values.tolist()]  # noqa: PLR0124 (nan is missing)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Columns of equal length and what the request asked for.

    Names are unique within a role: a raw column that is carried may be called as a feature is.
    `errors` are the rows that break the schema; their cells in feature and prediction columns are
    missing and mean nothing. `block` is the features as one 2-D array when they came as one.
    """

    columns: tuple[Column, ...]
    rows: int
    request: Request = field(default_factory=Request)
    errors: tuple[RowError, ...] = ()
    block: Array | None = None

    def of(self, *roles: Role) -> tuple[Column, ...]:
        """Return the columns of some roles, in order."""
        return tuple(column for column in self.columns if column.role in roles)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all columns, in order."""
        return tuple(column.name for column in self.columns)

    def __getitem__(self, name: str) -> Array:
        """Return a feature's values, or else those of any column of that name."""
        for column in (*self.of(Role.FEATURE), *self.columns):
            if column.name == name:
                return column.numpy()
        raise KeyError(f"no column {name!r} among {list(self.names)}")

    @property
    def valid(self) -> Array:
        """Tell the rows without error: boolean, shape (rows,)."""
        valid = np.ones(self.rows, dtype=bool)
        valid[[error.row for error in self.errors]] = False
        return valid

    def good(self) -> Table:
        """Return the features of the rows without error, which is all that a stage computes with."""
        features = replace(self, columns=self.of(Role.FEATURE), errors=())
        return features.take(self.valid) if self.errors else features

    def take(self, rows: Array) -> Table:
        """Keep the rows where a boolean array is true; errors keep the row numbers they had."""
        return replace(
            self,
            columns=tuple(column.take(rows) for column in self.columns),
            rows=int(rows.sum()),
            block=None if self.block is None else self.block[rows],
        )

    def matrix(self, dtype: DTypeLike = np.float64) -> Array:
        """Return the features as a C-ordered array, shape (rows, features), copied only if it must be.

        Raises:
            TypeError: a feature is text.

        """
        if self.block is not None:
            return np.ascontiguousarray(self.block, dtype=dtype)
        features = self.of(Role.FEATURE)
        matrix = np.empty((self.rows, len(features)), dtype=dtype)
        for position, column in enumerate(features):
            if column.numpy().dtype.kind == "O":
                raise TypeError(f"feature {column.name!r} is text and has no place in a matrix")
            matrix[:, position] = column.numpy()
        return matrix

    def frame(self, *roles: Role) -> pd.DataFrame:
        """Return a DataFrame, text with NaN for missing, as scikit-learn's imputers expect it.

        Without roles, features and carried columns. A name that both roles have is the feature's.
        """
        import pandas as pd

        columns = self.of(*(roles or (Role.FEATURE, Role.CARRIED)))
        data: dict[str, Any] = {}
        for column in sorted(columns, key=lambda column: column.role is Role.FEATURE):
            values = column.numpy()
            data[column.name] = _nan_for_none(values) if values.dtype.kind == "O" else values
        ordered = dict.fromkeys(column.name for column in columns)
        return pd.DataFrame({name: data[name] for name in ordered}, index=range(self.rows))


def from_matrix(
    names: Sequence[str],
    matrix: Array,
    *,
    role: Role = Role.FEATURE,
    request: Request | None = None,
) -> Table:
    """Make a table of a 2-D array's columns, without copying.

    Raises:
        ValueError: the array is not 2-D or has another number of columns than names.

    """
    if matrix.ndim != 2 or matrix.shape[1] != len(names):  # noqa: PLR2004 (rows and columns)
        raise ValueError(
            f"an array of shape {matrix.shape} does not hold the {len(names)} columns {list(names)}"
        )
    columns = tuple(Column(name, matrix[:, i], role) for i, name in enumerate(names))
    block = matrix if role is Role.FEATURE else None
    return Table(columns, len(matrix), request or Request(), block=block)


def from_frame(frame: pd.DataFrame, *, role: Role = Role.FEATURE) -> Table:
    """Make a table of a DataFrame's columns; pandas' own types become NumPy's, missing text None."""
    columns = tuple(
        Column(str(name), _plain(series.to_numpy()), role) for name, series in frame.items()
    )
    return Table(columns, len(frame))


def objects(values: Iterable[Any]) -> Array:
    """Make a 1-D object array of any values, lists among them."""
    values = list(values)
    return np.fromiter(values, dtype=object, count=len(values))


def _plain(values: Array) -> Array:
    if values.dtype.kind in "fiub":
        return values
    import pandas as pd

    return objects(
        None if missing else value for value, missing in zip(values, pd.isna(values), strict=True)
    )


def _nan_for_none(values: Array) -> Array:
    return objects(np.nan if value is None else value for value in values)


def _arrow(rows: Array) -> pa.Array:
    import pyarrow as pa

    return pa.array(rows)
