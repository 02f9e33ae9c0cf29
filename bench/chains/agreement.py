"""Whether answers are right: ours to the bit, the others' within 1e-5 of the libraries' numbers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from chains.load import Wrong
from chains.models import Reference

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chains.contenders import Contender

TOLERANCE: Final = 1e-5
REFERENCE: Final = Reference()


def check(contender: Contender, rows: int, answer: bytes, reference: Reference = REFERENCE) -> None:
    """Compare an answer with the right one for `rows` rows.

    Raises:
        Wrong: it disagrees.

    """
    found, wanted = numbers(answer), reference.of(rows)
    if found.shape != wanted.shape:
        msg = f"{contender.name} answers {found.shape} numbers for {rows} rows: {answer[:200]!r}"
        raise Wrong(msg)
    if contender.exact and found.astype(np.float32).tobytes() != wanted.tobytes():
        msg = f"{contender.name} differs in {np.sum(found.astype(np.float32) != wanted)} of {rows} rows"
        raise Wrong(msg)
    if not np.allclose(found, wanted, rtol=TOLERANCE, atol=0):
        worst = np.max(np.abs(found / wanted - 1))
        msg = f"{contender.name} differs by up to {worst:.2g} relative at {rows} rows"
        raise Wrong(msg)


def numbers(answer: bytes) -> NDArray[np.float64]:
    """Read the predictions out of CSV, or out of the one list that a JSON object holds."""
    text = answer.decode()
    if not text.lstrip().startswith(("{", "[")):
        return np.array([float(line) for line in text.split()])
    return np.array(_list(json.loads(text)), dtype=np.float64)


def _list(found: Any) -> list[float]:
    while isinstance(found, dict):
        (found,) = found.values()
    return list(found)
