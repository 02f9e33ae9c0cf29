"""Columns as JSON's values, and those as bytes, for the two formats that are made of JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stagewire.codec import cells
from stagewire.errors import NotAcceptable

if TYPE_CHECKING:
    from stagewire.answer import Answer
    from stagewire.table import Column


def values(column: Column) -> list[Any]:
    """Return a column's values as orjson writes them: float32 stays float32, which has shorter text.

    Raises:
        NotAcceptable: no text carries one of them.

    """
    array = cells.values(column)
    if array.dtype.kind == "f":
        cells.refuse_infinite(column.name, array)
        return list(array) if array.dtype == np.float32 else list(array.tolist())
    return list(array.tolist())


def dump(document: object, answer: Answer) -> bytes:
    """Write JSON that was made of an answer's values.

    Raises:
        NotAcceptable: one of them has no JSON form; names its column.

    """
    try:
        return cells.dumps(document)
    except TypeError as error:
        raise NotAcceptable(
            f"{_culprit(answer)} holds what JSON cannot carry ({error}); ask for Arrow"
        ) from None


def _culprit(answer: Answer) -> str:
    for column in (*answer.caller, *answer.results):
        try:
            cells.dumps(values(column))
        except TypeError:
            return f"column {column.name!r}"
    return "the answer"
