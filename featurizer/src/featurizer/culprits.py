"""Which rows of a batch a transformer refuses, since scikit-learn refuses the batch as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagewire.errors import LISTED_ROWS, RowError
from stagewire.excerpt import shorten
from stagewire.limits import REASON_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Callable


def culprits(attempt: Callable[[int, int], object], rows: int) -> list[RowError]:
    """Halve a refused batch down to the rows that are refused alone, in order.

    `attempt(start, stop)` raises ValueError when the transformer refuses these rows. At most 100
    are found, each in about 2 log2(rows) attempts, so that a large broken body cannot hold the
    stage for minutes. Empty when no row is refused alone: then the fault is not the rows'.
    """
    found: list[RowError] = []
    spans = [(0, rows)]
    while spans and len(found) < LISTED_ROWS:
        start, stop = spans.pop()
        reason = _refusal(attempt, start, stop)
        if reason is None:
            continue
        if stop - start == 1:
            found.append(RowError(start, None, None, reason))
        else:
            middle = (start + stop) // 2
            spans += [(middle, stop), (start, middle)]
    return found


def _refusal(attempt: Callable[[int, int], object], start: int, stop: int) -> str | None:
    try:
        attempt(start, stop)
    except ValueError as error:
        # The first line is the reason; scikit-learn's hints to programmers follow it.
        return shorten(f"is refused: {str(error).partition(chr(10))[0]}", REASON_CHARACTERS)
    return None
