"""From the margins of an objective to what XGBoost answers, in its own arithmetic.

Its exp is the C library's expf, one call a value, and NumPy's differs in the last bit. So the same
function is called here; XGBoost 3.2 src/common/math.h and src/objective have the formulas.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    Link = Callable[[NDArray[np.float32]], NDArray[np.float32]]

# Sigmoid in math.h: "avoid exp overflow".
_LARGEST: Final = np.float32(88.7)
_ONE: Final = np.float32(1)


@cache
def _expf() -> Callable[[float], float]:
    """Find expf in the process, to which NumPy and XGBoost have brought the C library's maths."""
    found: Any = ctypes.CDLL(None).expf
    found.restype, found.argtypes = ctypes.c_float, [ctypes.c_float]
    return found  # type: ignore[no-any-return] # ctypes has no signatures


def _exp(values: NDArray[np.float32]) -> NDArray[np.float32]:
    found = np.array([*map(_expf(), values.ravel().tolist())], np.float32)
    return found.reshape(values.shape)


def _value(margins: NDArray[np.float32]) -> NDArray[np.float32]:
    return margins[:, 0]


def _exponential(margins: NDArray[np.float32]) -> NDArray[np.float32]:
    return _exp(margins[:, 0])


def _sigmoid(margins: NDArray[np.float32]) -> NDArray[np.float32]:
    return _ONE / (_exp(np.minimum(-margins[:, 0], _LARGEST)) + _ONE)


def _step(margins: NDArray[np.float32]) -> NDArray[np.float32]:
    return (margins[:, 0] > 0).astype(np.float32)


def _likeliest(margins: NDArray[np.float32]) -> NDArray[np.float32]:
    positions: NDArray[np.intp] = margins.argmax(axis=1)
    return positions.astype(np.float32)


def _softmax(margins: NDArray[np.float32]) -> NDArray[np.float32]:
    shares = _exp(margins - margins.max(axis=1, keepdims=True))
    # The sum is a double, one class after another.
    total = np.add.accumulate(shares.astype(np.float64), axis=1)[:, -1:]
    return np.divide(shares, total.astype(np.float32), dtype=np.float32)


# An objective that is not listed has no plan (survival:aft is not, because its exp is another one).
# That a listed one equals XGBoost is proven for every model when it is packaged.
LINKS: Final[Mapping[str, Link]] = {
    "binary:hinge": _step,
    "binary:logistic": _sigmoid,
    "binary:logitraw": _value,
    "count:poisson": _exponential,
    "multi:softmax": _likeliest,
    "multi:softprob": _softmax,
    "rank:map": _value,
    "rank:ndcg": _value,
    "rank:pairwise": _value,
    "reg:absoluteerror": _value,
    "reg:gamma": _exponential,
    "reg:logistic": _sigmoid,
    "reg:pseudohubererror": _value,
    "reg:quantileerror": _value,
    "reg:squarederror": _value,
    "reg:squaredlogerror": _value,
    "reg:tweedie": _exponential,
    "survival:cox": _exponential,
}
