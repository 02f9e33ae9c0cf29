"""How long steps take, for the programs that look inside stages."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def timed(times: int, **steps: Callable[[], Any]) -> dict[str, float]:
    """Return the median of each step in microseconds; the steps take turns."""
    took: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(times):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            took[name].append((time.perf_counter() - start) * 1e6)
    return {name: statistics.median(each) for name, each in took.items()}
