"""The leaves that rows reach, found by walking all trees at once, a level at a time.

For forests that tables would not hold: more than 64 leaves a tree, or very many thresholds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from predictor.chunks import by_chunks, rows_at_once

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from predictor.trees import Trees

_INF: Final = np.float32(np.inf)


class Walk:
    """The leaves of a forest by its nodes.

    A missing value is NaN in one copy of the features and +inf in another: the first never passes
    a threshold, the second always, and a split looks at the one that goes its default way.
    """

    def __init__(self, trees: Trees) -> None:
        split = trees.feature >= 0
        self.depth = sum(1 for _ in trees.levels())
        self.column = np.where(split, 2 * trees.feature + ~trees.missing_left, 0).astype(np.intp)
        # Nothing passes NaN, so a row that has reached a leaf stays there.
        self.threshold = np.where(split, trees.number, np.float32(np.nan))
        self.left = trees.left.astype(np.intp)
        self.values = trees.number
        self.roots = trees.roots.astype(np.intp)
        self.chunk = rows_at_once(self.left.itemsize * len(self.roots))

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the values of the leaves reached, (rows, trees), of finite or missing features."""
        return by_chunks(self._leaves, features, self.chunk)

    def _leaves(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        rows, width = features.shape
        twice = np.stack([features, np.fmin(features, _INF)], axis=2).ravel()
        offset = (np.arange(rows) * (2 * width))[:, None]
        node = np.broadcast_to(self.roots, (rows, len(self.roots)))
        for _ in range(self.depth):
            value = twice.take(self.column.take(node) + offset)
            node = self.left.take(node) + (value >= self.threshold.take(node))
        return self.values.take(node)
