"""A forest as flat arrays: all of a Booster that serving needs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray


class Unplanned(Exception):
    """A Booster for which there is no plan; the message says why, and XGBoost serves it."""


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """Nodes of all trees one after another, each tree by breadth, so that siblings are neighbours.

    `feature` (int32) is -1 at a leaf; `number` (float32) is the threshold of a split or the value of
    a leaf; `missing_left` (bool) is where a missing value goes; `left` (int32) is the left child, the
    right one is the next node, and a leaf is its own. `roots` (int32) has one entry a tree. The
    trees of one group (a class) stand together, the first of them being the lone leaf of its base
    margin: a prediction is then nothing but the sum of a group's leaves, in order.
    """

    feature: NDArray[np.int32]
    number: NDArray[np.float32]
    missing_left: NDArray[np.bool_]
    left: NDArray[np.int32]
    roots: NDArray[np.int32]
    groups: int

    def levels(self) -> Iterator[NDArray[np.int32]]:
        """Give the splits of all trees, depth by depth."""
        level = self.roots
        while len(splits := level[self.feature[level] >= 0]):
            yield splits
            left = self.left[splits]
            level = np.concatenate([left, left + 1])

    def margins(self, leaves: NDArray[np.float32]) -> NDArray[np.float32]:
        """Sum the values of the leaves reached, (rows, trees), to (rows, groups).

        In float32 and one after another, as XGBoost does; np.sum would add by pairs.
        """
        apart = leaves.reshape(len(leaves), self.groups, -1)
        total: NDArray[np.float32] = np.add.accumulate(apart, axis=2)[:, :, -1]
        return total


def read(model: Mapping[str, Any], base: NDArray[np.float32], iterations: tuple[int, int]) -> Trees:
    """Read the gradient booster of XGBoost's JSON model.

    `base` is the margin before the first tree, shape (groups,); iterations are as XGBoost counts
    them, (0, 0) being all.

    Raises:
        Unplanned: it has what the arrays cannot express.

    """
    if "gbtree_model_param" not in model:
        raise Unplanned("dart: only XGBoost itself applies the weights of dropped trees")
    first, last = _span(model["iteration_indptr"], iterations)
    groups = model["tree_info"][first:last]
    ordered = sorted(range(first, last), key=lambda tree: groups[tree - first])
    parts: list[_Tree] = []
    for group, margin in enumerate(base):
        parts.append(_leaf(float(margin)))
        parts += [_tree(model["trees"][tree]) for tree in ordered if groups[tree - first] == group]
    if len(parts) % len(base) or any(
        groups.count(group) != groups.count(0) for group in range(len(base))
    ):
        raise Unplanned("classes with unequal numbers of trees")
    return _join(parts, len(base))


def _span(starts: Sequence[int], iterations: tuple[int, int]) -> tuple[int, int]:
    begin, end = iterations if any(iterations) else (0, len(starts) - 1)
    return starts[begin], starts[end]


@dataclass(frozen=True, slots=True)
class _Tree:
    feature: list[int]
    number: list[float]
    missing_left: list[bool]
    left: list[int]


def _leaf(value: float) -> _Tree:
    return _Tree([-1], [value], [False], [0])


def _tree(tree: Mapping[str, Any]) -> _Tree:
    """Renumber one tree's nodes by breadth, which also leaves out nodes that pruning gave up."""
    if any(tree["split_type"]):
        raise Unplanned("categorical splits: a set of categories is no threshold")
    if int(tree["tree_param"]["size_leaf_vector"]) > 1:
        raise Unplanned("leaves that hold several numbers")
    found = _Tree([], [], [], [])
    order = [0]
    for place, node in enumerate(order):
        split = tree["left_children"][node] >= 0
        found.feature.append(tree["split_indices"][node] if split else -1)
        found.number.append(tree["split_conditions"][node])
        found.missing_left.append(bool(tree["default_left"][node]))
        found.left.append(len(order) if split else place)
        if split:
            order += [tree["left_children"][node], tree["right_children"][node]]
    return found


def _join(parts: Sequence[_Tree], groups: int) -> Trees:
    starts = np.cumsum([0, *(len(part.left) for part in parts)])
    left = [
        np.add(part.left, start) for part, (start, _) in zip(parts, pairwise(starts), strict=True)
    ]
    return Trees(
        feature=np.concatenate([part.feature for part in parts]).astype(np.int32),
        number=np.concatenate([part.number for part in parts]).astype(np.float32),
        missing_left=np.concatenate([part.missing_left for part in parts]),
        left=np.concatenate(left).astype(np.int32),
        roots=starts[:-1].astype(np.int32),
        groups=groups,
    )
