"""Which columns a fitted transformer takes as text: it was fitted on them, so its steps know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stagewire.schema import Field, Schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def inputs(transformer: Any, *, label: str | None = None) -> Schema:
    """Return the columns a fitted transformer takes, `x0`… if it was fitted without names.

    A column is text where a step learned text from it: the categories of an encoder, the filling
    value of an imputer, the vocabulary of a vectorizer. Otherwise it is float64. A named column
    that a ColumnTransformer only drops is left out: its kind is unknown and not needed.
    """
    names = names_in(transformer)
    values, unused = known(transformer, names), dropped(transformer, names)
    fields = (
        Field(name, "string" if isinstance(values.get(position), str) else "float64")
        for position, name in enumerate(names)
        if position not in unused
    )
    return Schema(tuple(fields), label=label)


def dropped(step: Any, names: Sequence[str]) -> set[int]:
    """Return the positions of columns that may be absent from a DataFrame, being only dropped."""
    if hasattr(step, "steps"):
        return dropped(step.steps[0][1], names)
    if not (hasattr(step, "transformers_") and hasattr(step, "feature_names_in_")):
        return set()
    parts = [(part, resolve(columns, names)) for _, part, columns in step.transformers_]
    used = {position for part, positions in parts if part != "drop" for position in positions}
    return set(range(len(names))) - used


def names_in(transformer: Any) -> tuple[str, ...]:
    """Return the names of the columns, in the order of the fit."""
    names: Iterable[Any] | None = getattr(transformer, "feature_names_in_", None)
    if names is None:
        return tuple(f"x{i}" for i in range(int(transformer.n_features_in_)))
    return tuple(str(name) for name in names)


def learned(transformer: Any) -> dict[str, Any]:
    """Return a value, text or a number, of each column that a step learned values of: one it knows."""
    names = names_in(transformer)
    return {names[position]: value for position, value in known(transformer, names).items()}


def known(step: Any, names: Sequence[str]) -> dict[int, Any]:
    """Return a value that a step knows, by position among the columns that it takes."""
    if hasattr(step, "transformers_"):
        return _of_columns(step, names)
    if hasattr(step, "transformer_list"):
        parts = [known(part, names) for _, part in step.transformer_list]
        return {position: value for part in parts for position, value in part.items()}
    if hasattr(step, "steps"):
        return _of_steps(step, names)
    return _of_one(step, len(names))


def _of_columns(step: Any, names: Sequence[str]) -> dict[int, Any]:
    found: dict[int, Any] = {}
    for _, part, columns in step.transformers_:
        positions = resolve(columns, names)
        inner = known(part, [names[position] for position in positions])
        found |= {positions[position]: value for position, value in inner.items()}
    return found


def _of_steps(pipeline: Any, names: Sequence[str]) -> dict[int, Any]:
    """Look no further than the first step after which columns need not be the same ones."""
    found: dict[int, Any] = {}
    for _, step in pipeline.steps:
        # What an imputer fills in need not be a category of the encoder behind it: the later one counts.
        found |= known(step, names)
        kept = step is None or isinstance(step, str) or hasattr(step, "statistics_")
        if not kept or getattr(step, "add_indicator", False):
            break
    return found


def _of_one(step: Any, count: int) -> dict[int, Any]:
    if hasattr(step, "build_analyzer"):  # every vectorizer of text
        return dict.fromkeys(range(count), "")
    if hasattr(step, "categories_"):
        pairs = enumerate(map(_first, step.categories_))
        return {position: value for position, value in pairs if value is not None}
    statistics: Iterable[Any] = getattr(step, "statistics_", ())
    return {i: value for i, value in enumerate(statistics) if isinstance(value, str)}


def _first(values: Any) -> str | float | None:
    """Take the first text, else the first number; None where there is neither."""
    cells: list[Any] = np.asarray(values, dtype=object).tolist()
    usable = [cell for cell in cells if isinstance(cell, str | int | float) and cell == cell]  # noqa: PLR0124 (not nan)
    return next((cell for cell in usable if isinstance(cell, str)), next(iter(usable), None))


def resolve(columns: Any, names: Sequence[str]) -> list[int]:
    """Turn what ColumnTransformer takes as columns (names, numbers, slices, masks) to positions."""
    if issubclass(type(columns), slice):
        return list(range(len(names)))[_numbered(columns, names)]
    if isinstance(columns, str | int | np.integer):
        columns = [columns]
    columns = list(columns)
    if columns and all(isinstance(column, bool | np.bool) for column in columns):
        return [position for position, chosen in enumerate(columns) if chosen]
    return [_position(column, names) % len(names) for column in columns]


def _position(column: Any, names: Sequence[str]) -> int:
    return names.index(column) if isinstance(column, str) else int(column)


def _numbered(columns: slice[Any, Any, Any], names: Sequence[str]) -> slice[Any, Any, Any]:
    """Number a slice of names, which includes its end as in pandas."""
    start, stop = columns.start, columns.stop
    if isinstance(start, str):
        start = names.index(start)
    if isinstance(stop, str):
        stop = names.index(stop) + 1
    return slice(start, stop, columns.step)
