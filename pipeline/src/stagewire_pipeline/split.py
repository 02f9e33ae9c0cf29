"""Which rows are trained on, watched while training, and held out: decided once, by a seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

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

    def covering(self, labels: Sequence[str]) -> Split:
        """Train also on the rows to watch whose class no row of `train` has: nothing could learn it.

        `labels` has every row's. The test rows stay: a class that was not learned is a miss there.
        """
        known = {labels[row] for row in self.train}
        unknown = np.array([labels[row] not in known for row in self.validation], dtype=bool)
        train = np.sort(np.concatenate([self.train, self.validation[unknown]]))
        return Split(train=train, validation=self.validation[~unknown], test=self.test)


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
