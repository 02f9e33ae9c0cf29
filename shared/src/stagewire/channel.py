"""Rows to train on, read by the same codec as in serving, so that both see the same values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stagewire.codec import text_csv
from stagewire.codec.cells import quote, texts
from stagewire.codec.charset import text
from stagewire.conform import conform, counts, is_missing, is_number
from stagewire.errors import StageError
from stagewire.media import CSV, MediaType
from stagewire.parsed import columns_of
from stagewire.schema import Field, Schema
from stagewire.table import Column, Role, Table, objects

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from stagewire.table import Array


class TrainingError(Exception):
    """A fault that the user can correct: data, hyperparameters, layout. Its text goes to `output/failure`."""


@dataclass(frozen=True)
class Channel:
    """A channel's columns as text, by name; `where` says which files they are from."""

    where: str
    names: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.columns[0])

    def joined(self, *others: Channel) -> Channel:
        """Append the rows of other files.

        Raises:
            TrainingError: their columns are others.

        """
        for other in others:
            if other.names != self.names:
                raise TrainingError(
                    f"{other.where} has the columns {list(other.names)}, {self.where} has {list(self.names)}"
                )
        pairs = zip(self.columns, *(other.columns for other in others), strict=True)
        return Channel(
            self.where,
            self.names,
            tuple(tuple(c for part in parts for c in part) for parts in pairs),
        )

    def cells(self, name: str) -> tuple[str, ...]:
        """Return a column as it was written.

        Raises:
            TrainingError: there is no such column.

        """
        if name not in self.names:
            raise TrainingError(f"{self.where} has no column {name!r}; it has {list(self.names)}")
        return self.columns[self.names.index(name)]

    def texts(self, name: str) -> Array:
        """Return a column as text: objects, shape (rows,), None for an empty cell."""
        return objects(cell or None for cell in self.cells(name))

    def is_numeric(self, name: str) -> bool:
        """Tell whether every cell is what serving reads as a number: nan is missing, inf is refused then."""
        return all(map(counts, self.cells(name)))

    def is_empty(self, name: str, *, numeric: bool) -> bool:
        """Tell whether every cell is missing, to numbers or to text."""
        return all(is_missing(cell) if numeric else not cell for cell in self.cells(name))

    def numbers(self, name: str) -> Array:
        """Return a column as float64, shape (rows,), NaN for an empty cell.

        Raises:
            TrainingError: a cell is not a number; names row, column and value.

        """
        return self._column(Field(name)).numpy()

    def table(self, schema: Schema) -> Table:
        """Return the schema's columns as a stage's input has them.

        Raises:
            TrainingError: a column is absent, or a cell is not of its type.

        """
        return Table(tuple(self._column(field) for field in schema.fields), self.rows)

    def _column(self, field: Field) -> Column:
        values, errors = conform("text", self.cells(field.name), field)
        if errors:
            more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
            raise TrainingError(f"{self.where}: {errors[0]}{more}")
        return Column(field.name, values, Role.FEATURE)


def read_csv(path: Path, names: Sequence[str] | None = None) -> Channel:
    """Read a CSV file whose first line names the columns, or one that may lack it, the names given.

    Raises:
        TrainingError: it is not such a file; names the file.

    """
    try:
        rows = [row for row in text_csv.cells(text(path.read_bytes(), MediaType(CSV))) if row]
        first = tuple(cell.strip() for cell in rows[0]) if rows else ()
        header = tuple(names or first)
        if first == header:
            del rows[:1]
        columns, errors = columns_of(rows, (len(header),), blank="")
    except (StageError, OSError) as error:
        raise TrainingError(f"{path}: {error}") from None
    if errors:
        raise TrainingError(f"{path}: {errors[0]}")
    _check_header(path, header, stated=names is not None)
    return Channel(str(path), header, tuple(tuple(column) for column in columns))


def _check_header(path: Path, header: tuple[str, ...], *, stated: bool) -> None:
    doubled = sorted(name for name, times in Counter(header).items() if times > 1)
    numbers = [name for name in header if is_number(name)]
    if numbers and not stated:
        raise TrainingError(
            f"{path}: the first line {','.join(header)!r} holds the number {numbers[0]!r}, so it is no header; put a line of names first, or name the columns in the hyperparameter 'columns'"
        )
    wrong = (
        f"names {doubled} twice"
        if doubled
        else "has an empty name; name that column, or leave it out"
        if "" in header
        else None
    )
    if wrong:
        raise TrainingError(f"{path}: the header {','.join(header)!r} {wrong}")


def write_csv(path: Path, names: Sequence[str], columns: Sequence[Any]) -> None:
    """Write columns with a header, floats as the shortest text that reads back equal."""
    cells = [
        texts(Column(name, np.asarray(c), Role.CARRIED))
        for name, c in zip(names, columns, strict=True)
    ]
    lines = [",".join(map(quote, names)), *map(",".join, zip(*cells, strict=True))]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")
