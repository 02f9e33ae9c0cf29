"""What a transformer gives, as every hop carries it: dense, float64, each column named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stagewire.schema import Field, Schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


class TextFeatureError(TypeError):
    """A transformer gave text, which no model behind it can compute with."""


def dense(output: Any) -> NDArray[np.float64]:
    """Return the features as float64, C-ordered, shape (rows, features).

    Sparse ones are filled with their zeros, because XGBoost would read absent cells as missing.

    Raises:
        TextFeatureError: a feature is text.

    """
    matrix: NDArray[Any] = np.asarray(output.toarray() if hasattr(output, "toarray") else output)
    if matrix.dtype.kind not in "fiub" and any(isinstance(cell, str) for cell in matrix.flat):
        raise TextFeatureError(
            "the transformer gives text features: encode every text column "
            "(OneHotEncoder, OrdinalEncoder) or drop it"
        )
    if matrix.ndim == 1:
        matrix = matrix.reshape(-1, 1)
    return np.ascontiguousarray(matrix, dtype=np.float64)


def outputs(transformer: Any) -> Schema:
    """Return the features that a fitted transformer gives.

    Raises:
        AttributeError: the transformer, or a step of it, does not name its features.

    """
    # As a CSV's header gives them back: a category may end in a blank.
    names = distinct(str(name).strip() for name in transformer.get_feature_names_out())
    return Schema(tuple(Field(name) for name in names))


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Number repeated names: column `a` with category `b_c` and `a_b` with `c` both give `a_b_c`."""
    seen: dict[str, int] = {}
    for name in names:
        unused, turn = name, 2
        while unused in seen:
            unused, turn = f"{name}__{turn}", turn + 1
        seen[unused] = 1
    return tuple(seen)
