"""Decision trees as flat arrays, walked level by level: every tree and every row at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]
Places = NDArray[np.intp]
MAX_DEPTH = 64
"""Deeper trees are refused: nobody trains them, and each level costs time."""


class TreesError(ValueError):
    """The arrays are no trees that can be walked; the message says what is wrong. Calling again does not help."""


@dataclass(frozen=True, eq=False)
class Trees:
    """Trees whose nodes stand one after the other; node i of the arrays is the same node in each.

    A row goes left where its value of `feature` is at most `threshold`, right where it is more, and where the value is
    absent (NaN) left or right as `absent_left` says. A leaf is a node that is its own child on both sides; `value` is
    what it gives. `threshold` may be infinite: such a node parts the absent from the rest.

    Make them with `planted`, which looks at all this: the walk itself trusts it.
    """

    roots: Places
    column: Places
    """Where the walk reads a node's value: its feature, plus the number of features where the absent go right."""
    threshold: Reals
    children: Places
    """Left child of node i at 2 i, right child at 2 i + 1."""
    value: Reals
    n_features: int
    depth: int


def planted(arrays: dict[str, NDArray[np.generic]], n_features: int) -> Trees:
    """Return trees from the arrays roots, feature, threshold, left, right, absent_left and value.

    Raises
    ------
    TreesError
        If a walk could leave the arrays, never end, or give something that is no number.
    """
    _check_kinds(arrays)
    roots, feature, left, right = (arrays[name].astype(np.intp) for name in ("roots", "feature", "left", "right"))
    threshold, value = (arrays[name].astype(np.float64) for name in ("threshold", "value"))
    _check_places(roots, left, right)
    if ((feature < 0) | (feature >= n_features)).any():
        raise TreesError("a node asks for a feature that is not there")
    if (np.isnan(threshold) | np.isneginf(threshold)).any() or not np.isfinite(value).all():
        raise TreesError("a threshold or a leaf is no number")
    column = feature + n_features * ~arrays["absent_left"].astype(np.bool_)
    largest = np.finfo(np.float64).max
    children = np.stack([left, right], axis=1).ravel()
    return Trees(roots, column, np.minimum(threshold, largest), children, value, n_features, _depth(roots, children))


def _check_kinds(arrays: dict[str, NDArray[np.generic]]) -> None:
    kinds = {"roots": "iu", "feature": "iu", "left": "iu", "right": "iu", "absent_left": "b"}
    kinds |= {"threshold": "f", "value": "f"}
    for name, kind in kinds.items():
        if name not in arrays:
            raise TreesError(f"{name} is missing")
        if arrays[name].dtype.kind not in kind or arrays[name].ndim != 1:
            raise TreesError(f"{name} has the wrong type or shape")
    sizes = {arrays[name].size for name in kinds if name != "roots"}
    if len(sizes) != 1 or not arrays["roots"].size or not sizes.pop():
        raise TreesError("there are no trees, or columns of different lengths")


def _check_places(roots: Places, left: Places, right: Places) -> None:
    """Children come after their parent: that alone rules out a walk in circles."""
    here = np.arange(left.size)
    leaf = (left == here) & (right == here)
    inner = (left > here) & (right > here) & (left < here.size) & (right < here.size)
    if not (leaf | inner).all():
        raise TreesError("a node's child lies outside the trees, or before its parent")
    if ((roots < 0) | (roots >= here.size)).any():
        raise TreesError("a root lies outside the trees")


def _depth(roots: Places, children: Places) -> int:
    level = np.unique(roots)
    for depth in range(MAX_DEPTH + 1):
        below = children[(2 * level[:, None] + [0, 1])].ravel()
        deeper = np.unique(below[below != np.repeat(level, 2)])
        if not deeper.size:
            return depth
        level = deeper
    raise TreesError(f"a tree is deeper than {MAX_DEPTH} levels")


def reached(trees: Trees, rows: Reals) -> Reals:
    """Return the values of the leaves that rows reach; (n, n_features) with NaN for absent -> (n, n_trees).

    Two copies of the rows stand side by side, with the absent below and above everything: one comparison a level then
    sends them the way each node wants. An infinite value in a row goes the way of the absent: refuse it before.

    Notes
    -----
    About 6 us a level for one row and 100 trees; the work of numpy's calls, not of the comparisons.
    """
    absent = np.isnan(rows)
    both = np.concatenate([np.where(absent, -np.inf, rows), np.where(absent, np.inf, rows)], axis=1).ravel()
    first = (np.arange(len(rows)) * (2 * trees.n_features))[:, None]
    node = np.tile(trees.roots, (len(rows), 1))
    for _ in range(trees.depth):
        goes_right = both.take(trees.column.take(node) + first) > trees.threshold.take(node)
        node = trees.children.take(2 * node + goes_right)
    return trees.value.take(node)


def as_single(rows: Reals) -> Reals:
    """Return the rows rounded to single precision, as forests of scikit-learn read them."""
    largest = np.finfo(np.float32).max
    return np.clip(rows, -largest, largest).astype(np.float32).astype(np.float64)
