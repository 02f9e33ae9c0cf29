"""Columns as JSON's values, and those as bytes, for the two formats that are made of JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stagewire.codec.cells import dumps, floats, listed, refuse_infinite, refuse_infinite_in
from stagewire.errors import NotAcceptable

if TYPE_CHECKING:
    from stagewire.answer import Answer
    from stagewire.table import Column


def values(column: Column) -> list[Any]:
    """Return a column's values as orjson writes them: float32 stays float32, which has shorter text.

    Raises:
        NotAcceptable: a float is infinite.

    """
    array = floats(column.values)
    if not isinstance(array, np.ndarray):
        cells = listed(column)
        if array.type.num_fields:  # no other has floats within
            for cell in cells:
                refuse_infinite_in(column.name, cell)
        return cells
    if array.dtype.kind == "f":
        refuse_infinite(column.name, array)
        return list(array) if array.dtype == np.float32 else list(array.tolist())
    return list(array.tolist())


def dump(document: object, answer: Answer) -> bytes:
    """Write JSON that was made of an answer's values.

    Raises:
        NotAcceptable: one of them has no JSON form; names its column.

    """
    try:
        return dumps(document)
    except TypeError as error:
        msg = f"{_culprit(answer)} holds what JSON cannot carry ({error}); ask for Arrow"
        raise NotAcceptable(msg) from None


def _culprit(answer: Answer) -> str:
    for column in (*answer.caller, *answer.results):
        try:
            dumps(values(column))
        except TypeError:
            return f"column {column.name!r}"
    return "the answer"
