"""Which rows are trained on, watched while training, and held out: decided once, by a seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# 70 / 15 / 15, the shares of the AWS abalone example.
VALIDATION = 0.15
TEST = 0.15
# Fewer leave less than three rows to watch and three to hold out, whose score says nothing.
FEWEST = 20


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers of each part, int64, ascending, so that files keep the order of their source."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def split(rows: int, *, seed: int) -> Split:
    """Split row numbers by a seeded permutation.

    Raises:
        ValueError: there are fewer than `FEWEST` rows.

    """
    if rows < FEWEST:
        raise ValueError(f"{rows} rows are too few to split; at least {FEWEST} are needed")
    order = np.random.default_rng(seed).permutation(rows)
    test, validation = round(rows * TEST), round(rows * VALIDATION)
    return Split(
        train=np.sort(order[test + validation :]),
        validation=np.sort(order[test : test + validation]),
        test=np.sort(order[:test]),
    )
