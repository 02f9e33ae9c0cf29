"""The leaves that rows reach, found by tables of bits instead of by walking.

After Lucchese et al., "QuickScorer", SIGIR 2015. A split that sends a row to the right rules out the
leaves on its left; of the leaves that no split rules out, the row reaches the leftmost. What the value
of a feature rules out, in every tree, depends only on the thresholds it has passed, so there is a
table row for each count of them, and one for a missing value. A row of data is then one table row a
feature, and'ed together: a dozen NumPy calls, however deep the trees are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

from predictor.chunks import by_chunks, rows_at_once

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from predictor.trees import Trees

    Bits = NDArray[np.unsignedinteger[Any]]
    Spans = tuple[NDArray[np.int64], NDArray[np.int64]]

# XGBoost itself takes 110 MiB. A forest whose table would be larger than this is walked instead, up to
# four times as slow for one row (1,000 trees of depth 6 take 20 MiB).
TABLE_BYTES: Final = 32 * 2**20
# Bits of the widest integer.
LEAVES: Final = 64

T = TypeVar("T", np.int32, np.int64)

_FLIP: Final = np.int32(0x7FFFFFFF)
_INF: Final = np.float32(np.inf)
_ZERO: Final = np.float32(0)


class Tables:
    """The leaves of a forest by its table.

    `keys` order feature and threshold in one integer. Each feature begins with a key that every
    value passes and ends with that of +inf, which a missing value counts as and no other is; so
    the number of keys that a value passes is its row of the table.
    """

    def __init__(self, trees: Trees, spans: Spans) -> None:
        first, count = spans
        nodes = np.flatnonzero(trees.feature >= 0)
        self.features = _distinct(trees.feature[nodes])
        place = self.features.searchsorted(trees.feature[nodes])
        self.shift = np.arange(len(self.features), dtype=np.int64) << 32
        own = _ordered(trees.number[nodes] + _ZERO) + self.shift[place]
        begin = self.shift + np.iinfo(np.int32).min
        end = self.shift + _ordered(np.array([_INF]))
        self.keys = _distinct(np.concatenate([begin, own, end]))
        shape = (len(self.keys) + 1, len(trees.roots))
        split = _kept(trees, nodes, spans)
        self.table = np.full(shape, ~split.dtype.type(0))
        tree = np.searchsorted(trees.roots, nodes, side="right") - 1
        np.bitwise_and.at(self.table, (self._rows(own), tree), split)
        right = ~trees.missing_left[nodes]
        missing = np.full_like(self.table, ~split.dtype.type(0), shape=(len(end), shape[1]))
        np.bitwise_and.at(missing, (place[right], tree[right]), split[right])
        for low, high, row in zip(self._rows(begin), self._rows(end), missing, strict=True):
            np.bitwise_and.accumulate(self.table[low:high], axis=0, out=self.table[low:high])
            self.table[high] = row
        self.one = self.table.dtype.type(1)
        self.values, self.offsets = _values(trees, first, int(count.max()))
        width = self.table.itemsize * len(trees.roots) * max(1, len(self.features))
        self.chunk = rows_at_once(width)

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the values of the leaves reached, (rows, trees), of finite or missing features."""
        return by_chunks(self._leaves, features, self.chunk)

    def _leaves(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        # fmin makes +inf of NaN, and adding zero +0 of -0.
        used = np.fmin(features.take(self.features, axis=1), _INF) + _ZERO
        rows = self._rows(_ordered(used) + self.shift)
        left = np.bitwise_and.reduce(self.table.take(rows, axis=0), axis=1)
        # The ones up to the lowest one: the leftmost leaf, counted from 1.
        leaf = np.bitwise_count(left ^ (left - self.one)) + self.offsets
        values: NDArray[np.float32] = self.values.take(leaf)
        return values

    def _rows(self, keys: NDArray[np.int64]) -> NDArray[np.intp]:
        """Count the keys that these pass."""
        return self.keys.searchsorted(keys, "right")


def build(trees: Trees) -> Tables | None:
    """Make the tables; None if a tree has more leaves than a word has bits, or memory would not do."""
    spans = _spans(trees)
    most = int(spans[1].max())
    if most > LEAVES:
        return None
    splits = trees.feature >= 0
    feature = trees.feature[splits].astype(np.int64)
    pairs = (feature << 32) + trees.number[splits].view(np.int32)
    rows = len(_distinct(pairs)) + 2 * len(_distinct(feature))
    size = rows * len(trees.roots) * _word(most).itemsize
    return Tables(trees, spans) if size <= TABLE_BYTES else None


def _distinct(values: NDArray[T]) -> NDArray[T]:
    """Sort integers, each once; np.unique would import numpy.ma, 6 ms of a start."""
    ordered = np.sort(values)
    return ordered[np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))]


def _spans(trees: Trees) -> Spans:
    """Number each tree's leaves from the left: the first one below a node, and how many."""
    levels = list(trees.levels())
    count = np.ones(len(trees.left), np.int64)
    for splits in reversed(levels):
        left = trees.left[splits]
        count[splits] = count[left] + count[left + 1]
    first = np.zeros(len(trees.left), np.int64)
    for splits in levels:
        left = trees.left[splits]
        first[left] = first[splits]
        first[left + 1] = first[splits] + count[left]
    return first, count


def _kept(trees: Trees, nodes: NDArray[np.intp], spans: Spans) -> Bits:
    """Return the leaves that are left over when a split is passed: all but those on its left."""
    first, count = spans
    left = trees.left[nodes]
    low = np.left_shift(np.uint64(1), first[left].astype(np.uint64))
    high = np.left_shift(np.uint64(1), (first[left] + count[left]).astype(np.uint64))
    return (~(high - low)).astype(_word(int(count.max())))


def _values(
    trees: Trees, first: NDArray[np.int64], most: int
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Put the leaves' values into equal strides, counted from 1, and say where each tree begins."""
    nodes = np.flatnonzero(trees.feature < 0)
    tree = np.searchsorted(trees.roots, nodes, side="right") - 1
    values = np.zeros((len(trees.roots), most + 1), np.float32)
    values[tree, first[nodes] + 1] = trees.number[nodes]
    return values.ravel(), np.arange(len(trees.roots)) * (most + 1)


def _ordered(values: NDArray[np.float32]) -> NDArray[np.int32]:
    """Return integers in the order of floats: those of negative ones run backwards."""
    bits = values.view(np.int32)
    return bits ^ ((bits >> 31) & _FLIP)


def _word(leaves: int) -> np.dtype[np.unsignedinteger[Any]]:
    """Return the narrowest unsigned type with a bit for each leaf."""
    return np.dtype(next(f"u{size}" for size in (1, 2, 4, 8) if leaves <= 8 * size))
