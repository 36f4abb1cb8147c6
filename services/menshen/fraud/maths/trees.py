"""Decision trees as flat arrays: what they are, which ones are refused, and the same trees for rows of another kind."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]
Places = NDArray[np.intp]
MAX_NODES = 2**15
"""More are refused: a `menshen.fraud.maths.forest` of them grows with their square, to 140 MB for two such groups."""


class TreesError(ValueError):
    """The arrays are no trees that can be scored; the message says what is wrong. Calling again does not help."""


@dataclass(frozen=True, eq=False)
class Trees:
    """Trees whose nodes stand one after the other; node i of the arrays is the same node in each.

    A row goes left where its value of `feature` is at most `threshold`, right where it is more, and where the value is
    absent (NaN) left or right as `absent_left` says. A leaf is a node that is its own child on both sides; `value` is
    what it gives. `threshold` may be infinite: such a node parts the absent from the rest.

    Make them with `planted`, which looks at all this: whoever scores rows trusts it.
    """

    roots: Places
    feature: Places
    threshold: Reals
    left: Places
    right: Places
    absent_left: NDArray[np.bool_]
    value: Reals
    n_features: int


def planted(arrays: dict[str, NDArray[np.generic]], n_features: int) -> Trees:
    """Return trees from the arrays roots, feature, threshold, left, right, absent_left and value.

    Raises
    ------
    TreesError
        If they are too many, if a way down could leave the arrays, never end, or give something that is no number.
    """
    _check_kinds(arrays)
    roots, feature, left, right = (arrays[name].astype(np.intp) for name in ("roots", "feature", "left", "right"))
    threshold, value = (arrays[name].astype(np.float64) for name in ("threshold", "value"))
    _check_places(roots, left, right)
    if ((feature < 0) | (feature >= n_features)).any():
        raise TreesError("a node asks for a feature that is not there")
    if (np.isnan(threshold) | np.isneginf(threshold)).any() or not np.isfinite(value).all():
        raise TreesError("a threshold or a leaf is no number")
    absent_left = arrays["absent_left"].astype(np.bool_)
    return Trees(roots, feature, threshold, left, right, absent_left, value, n_features)


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
    if arrays["left"].size > MAX_NODES:
        raise TreesError(f"there are more than {MAX_NODES} nodes")


def _check_places(roots: Places, left: Places, right: Places) -> None:
    """Children come after their parent, which is the only one they have: that rules out circles and shared branches."""
    here = np.arange(left.size)
    leaf = (left == here) & (right == here)
    inner = (left > here) & (right > here) & (left < here.size) & (right < here.size)
    if not (leaf | inner).all():
        raise TreesError("a node's child lies outside the trees, or before its parent")
    if ((roots < 0) | (roots >= here.size)).any():
        raise TreesError("a root lies outside the trees")
    if (np.bincount(np.concatenate([roots, left[inner], right[inner]]), minlength=here.size) != 1).any():
        raise TreesError("a node is no root and has no parent, or has more than one")


def reading_single(trees: Trees) -> Trees:
    """Return trees that send each value where these send it rounded to single precision, as scikit-learn's forests do.

    Rounding keeps the order, so each threshold becomes the largest double that is rounded to at most the threshold:
    half way to the next single, or just below where half way is rounded up. Values beyond the singles count as the
    largest of them.
    """
    with np.errstate(over="ignore"):
        nearest = trees.threshold.astype(np.float32)
        below = np.where(nearest > trees.threshold, np.nextafter(nearest, np.float32(-np.inf)), nearest)
        above = np.nextafter(below, np.float32(np.inf))
        half_way = below.astype(np.float64) / 2 + above.astype(np.float64) / 2
        kept = half_way.astype(np.float32) <= below
    return replace(trees, threshold=np.where(kept, half_way, np.nextafter(half_way, -np.inf)))


def with_ordinary(trees: Trees, ordinary: Reals) -> Trees:
    """Return trees that send what is absent where these send an ordinary value of the feature; shape (n_features,)."""
    return replace(trees, absent_left=ordinary[trees.feature] <= trees.threshold)
