"""Many rows computed in parts, each of which stays in a core's L2 cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

# The memory of one part: with four times as much a row took 1.1 times as long, with a quarter 1.5
# times, because of NumPy's fixed costs.
CHUNK_BYTES: Final = 2**18


def rows_at_once(width: int) -> int:
    """Return how many rows to compute at once, each of which takes `width` bytes."""
    return max(1, CHUNK_BYTES // width)


def by_chunks(compute: Callable[[Floats], Floats], features: Floats, rows: int) -> Floats:
    """Compute `rows` rows at a time, and join the results."""
    if len(features) <= rows:
        return compute(features)
    starts = range(0, len(features), rows)
    return np.concatenate([compute(features[i : i + rows]) for i in starts])
