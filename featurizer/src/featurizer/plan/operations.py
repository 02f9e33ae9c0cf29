"""What a plan does to numbers: scikit-learn's own float64 operations, one name each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    # Of one column: a name, and its constants.
    Operation: TypeAlias = tuple[str, tuple[float, ...]]
    Floats: TypeAlias = NDArray[np.float64]


def apply(X: Floats, operations: Iterable[tuple[str, Iterable[Any]]]) -> Floats:
    """Compute in place, one operation after the other; constants broadcast against X."""
    for name, constants in operations:
        OPERATIONS[name](X, *constants)
    return X


def alone(value: float, operations: Iterable[Operation]) -> float:
    """Compute one value."""
    with np.errstate(all="ignore"):
        return float(apply(np.array([value]), operations)[0])


def _fill(X: Floats, value: Any) -> None:
    missing = np.isnan(X)
    if missing.any():
        np.copyto(X, value, where=missing)


def _missing(X: Floats) -> None:
    np.copyto(X, np.isnan(X))


def _subtract(X: Floats, value: Any) -> None:
    np.subtract(X, value, out=X)


def _divide(X: Floats, value: Any) -> None:
    np.divide(X, value, out=X)


def _multiply(X: Floats, value: Any) -> None:
    np.multiply(X, value, out=X)


def _add(X: Floats, value: Any) -> None:
    np.add(X, value, out=X)


def _clip(X: Floats, low: float, high: float) -> None:
    np.clip(X, low, high, out=X)


OPERATIONS: Mapping[str, Callable[..., None]] = {
    "fill": _fill,
    "missing": _missing,
    "subtract": _subtract,
    "divide": _divide,
    "multiply": _multiply,
    "add": _add,
    "clip": _clip,
}
# What undoes an operation, to find the inputs that meet an edge; the others leave a value alone.
INVERSE: Mapping[str, str] = {
    "subtract": "add",
    "divide": "multiply",
    "multiply": "divide",
    "add": "subtract",
}
# These take one constant for all columns, as scikit-learn passes it: NumPy then runs the same loop.
COMMON = frozenset({"clip"})
