"""How rows go from one stage of ours to the next: npy for features alone, Arrow when other columns are carried.

The platform hands on exactly two things, the body and its Content-Type (reference: SageMaker
Developer Guide, inference-pipelines), so the request's options travel in those.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from stagewire import media
from stagewire.answer import reasons
from stagewire.codec import arrow, npy
from stagewire.table import Column, Role

if TYPE_CHECKING:
    from stagewire.answer import Answer
    from stagewire.schema import DType
    from stagewire.table import Table


# First members of an Accept header that leave the format open. What SageMaker sends to stages that are
# not last is not documented; absent, `*/*` and `application/json` are the candidates, and none of
# them comes from the caller.
OPEN: Final = frozenset({"*/*", "application/*", media.JSON})


def encode(data: Table, answer: Answer, dtype: DType) -> tuple[bytes, str]:
    """Write a stage's features for the next stage; returns body and Content-Type."""
    features = [
        replace(c, values=_cast(c, dtype)) for c in answer.results if c.role is Role.FEATURE
    ]
    riders = _riders(data, answer)
    parameters = data.request.parameters()
    if riders:
        return arrow.dump([*riders, *features], parameters), media.ARROW
    matrix = np.column_stack([column.numpy() for column in features])
    return npy.dump(matrix), media.render(media.NPY, parameters)


def _riders(data: Table, answer: Answer) -> list[Column]:
    """Return the caller's columns, and why rows are bad; dropped rows are in neither."""
    riders = [replace(column, role=Role.CARRIED) for column in data.of(Role.INPUT, Role.CARRIED)]
    if answer.rows != data.rows:
        return [column.take(data.valid) for column in riders]
    if data.errors:
        riders.append(Column("error", reasons(data), Role.ERROR))
    return riders


def _cast(column: Column, dtype: DType) -> np.ndarray:
    return column.numpy().astype(np.float32 if dtype == "float32" else np.float64, copy=False)
