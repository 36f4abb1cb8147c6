"""Trees as bit sets: a row reaches the leaves that remain when those that it cannot reach are crossed out."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_, getitem
from typing import NamedTuple

import numpy as np

from menshen.fraud.maths.trees import Places, Reals, Trees


@dataclass(frozen=True, eq=False)
class Forest:
    """Trees, in groups, whose leaves are the bits of one whole number: tree after tree, each from left to right.

    A node that sends a row right crosses out the leaves on its left. Of a tree's leaves the lowest that remains is the
    one that the row reaches: each leaf further left was crossed out where their ways part, and it was not itself, since
    all nodes above it sent the row its way. In which order nodes are asked does not matter, so each feature answers for
    all of its nodes with one number, found by where the value stands among their thresholds.

    References
    ----------
    Lucchese, C., Nardini, F. M., Orlando, S., Perego, R., Tonellotto, N., Venturini, R. (2015), QuickScorer: a fast
    algorithm to rank documents with additive ensembles of regression trees, SIGIR 2015, doi 10.1145/2766462.2767733.
    There each tree is a word of its own, and leaves are crossed out threshold by threshold.
    """

    thresholds: tuple[list[float], ...]
    """What all nodes ask of each feature, rising, after a minus infinity. A value lies above so many of them: an absent
    one (NaN) above none, any other at least above the first.
    """
    open_leaves: tuple[list[int], ...]
    """The leaves that each number of thresholds below leaves open, by feature."""
    leftmost: int
    """The leftmost leaf of each tree."""
    value: Reals
    """What each leaf gives; (n_leaves,)."""
    first_trees: Places
    """Where each group begins among the trees; (n_groups,)."""

    def reached(self, row: Sequence[float]) -> int:
        """Return the leaves that a row reaches, one a tree; (n_features,), NaN for absent.

        Minus infinity goes the way of the absent: refuse it before. Raises `ValueError` for a row of another width.
        """
        if len(row) != len(self.thresholds):
            raise ValueError(f"{len(row)} values, not {len(self.thresholds)}")
        n_below = map(bisect_left, self.thresholds, row)
        remaining = reduce(and_, map(getitem, self.open_leaves, n_below))
        return remaining & ~(remaining - self.leftmost)  # the lowest of each tree: as one remains, none borrows

    def totals(self, reached: int) -> list[float]:
        """Return for each group the sum of the leaves that a row reaches; (n_groups,)."""
        packed = np.frombuffer(reached.to_bytes(-(-self.value.size // 8), "little"), np.uint8)
        (leaves,) = np.unpackbits(packed, bitorder="little").view(np.bool_).nonzero()
        totals: list[float] = np.add.reduceat(self.value.take(leaves), self.first_trees).tolist()
        return totals


class _Node(NamedTuple):
    threshold: float
    absent_left: bool
    left_leaves: range


def grown(*groups: Trees) -> Forest:
    """Return the forest of some groups of trees over the same features."""
    nodes = [list[_Node]() for _ in range(groups[0].n_features)]
    leftmost, values = 0, list[float]()
    for trees in groups:
        in_order = _leaves(trees)
        below = _leaves_below(trees, in_order, len(values))
        values += trees.value[in_order].tolist()
        leftmost |= sum(1 << below[root].start for root in trees.roots.tolist())
        for node in np.flatnonzero(trees.left != np.arange(trees.left.size)).tolist():
            asking = _Node(float(trees.threshold[node]), bool(trees.absent_left[node]), below[trees.left[node]])
            nodes[trees.feature[node]].append(asking)
    thresholds, open_leaves = zip(*[_question(asking, len(values)) for asking in nodes], strict=True)
    first_trees = np.cumsum([0, *(trees.roots.size for trees in groups)])[:-1]
    return Forest(thresholds, open_leaves, leftmost, np.array(values), first_trees)


def _leaves(trees: Trees) -> list[int]:
    """Return the nodes that are leaves, tree after tree, each from left to right."""
    left, right, ahead = trees.left.tolist(), trees.right.tolist(), trees.roots[::-1].tolist()
    leaves = list[int]()
    while ahead:
        node = ahead.pop()
        if left[node] == node:
            leaves.append(node)
        else:
            ahead += (right[node], left[node])
    return leaves


def _leaves_below(trees: Trees, in_order: list[int], first: int) -> list[range]:
    """Return for each node the numbers of the leaves below it; they are numbered in this order, from `first` on."""
    left, right = trees.left.tolist(), trees.right.tolist()
    below = [range(0)] * len(left)
    for number, leaf in enumerate(in_order, first):
        below[leaf] = range(number, number + 1)
    for node in reversed(range(len(left))):
        below[node] = range(below[left[node]].start, below[right[node]].stop)
    return below


def _question(nodes: list[_Node], n_leaves: int) -> tuple[list[float], list[int]]:
    """Return the thresholds of one feature, and the leaves that each number of them below a value leaves open."""
    every_leaf = (1 << n_leaves) - 1
    thresholds, open_leaves, open_if_absent = [-math.inf], [every_leaf], every_leaf
    for threshold, absent_left, left_leaves in sorted(nodes, key=lambda node: node.threshold):
        crossed_out = (1 << left_leaves.stop) - (1 << left_leaves.start)
        if threshold > thresholds[-1]:
            thresholds.append(threshold)
            open_leaves.append(open_leaves[-1])
        open_leaves[-1] &= ~crossed_out
        if not absent_left:
            open_if_absent &= ~crossed_out
    return thresholds, [open_if_absent, *open_leaves]
