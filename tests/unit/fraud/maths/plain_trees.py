"""Trees as they are drawn, and the plain way down them: what the quick way is compared with."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from hypothesis import strategies as st

Tree: TypeAlias = "float | Fork"
Drawn: TypeAlias = "tuple[list[Tree], list[list[float]]]"
N_FEATURES = 3
THRESHOLDS = st.sampled_from([-2.0, -0.0, 0.0, 1.0, 1.5, math.inf]) | st.floats(allow_nan=False, min_value=-1e308)


class Fork(NamedTuple):
    """A node that is no leaf; a leaf is just its value."""

    feature: int
    threshold: float
    absent_left: bool
    left: Tree
    right: Tree


def leaf_of(tree: Tree, row: Sequence[float]) -> float:
    """Return the value of the leaf that a row reaches, step by step."""
    while isinstance(tree, Fork):
        value = row[tree.feature]
        goes_left = tree.absent_left if math.isnan(value) else value <= tree.threshold
        tree = tree.left if goes_left else tree.right
    return tree


def arrays_of(trees: Sequence[Tree]) -> dict[str, Any]:
    """Return the arrays that `planted` reads."""
    nodes: list[tuple[int, float, int, int, bool, float]] = []

    def lay(tree: Tree) -> int:
        here = len(nodes)
        nodes.append((0, 0.0, here, here, False, 0.0 if isinstance(tree, Fork) else tree))
        if isinstance(tree, Fork):
            nodes[here] = (tree.feature, tree.threshold, lay(tree.left), lay(tree.right), tree.absent_left, 0.0)
        return here

    roots = np.array([lay(tree) for tree in trees])
    names = ("feature", "threshold", "left", "right", "absent_left", "value")
    columns = map(np.array, zip(*nodes, strict=True))
    return {"roots": roots, **dict(zip(names, columns, strict=True))}


def thresholds_of(tree: Tree) -> list[float]:
    return [tree.threshold, *thresholds_of(tree.left), *thresholds_of(tree.right)] if isinstance(tree, Fork) else []


def around(threshold: float) -> list[float]:
    return [math.nextafter(threshold, -math.inf), threshold, math.nextafter(threshold, math.inf)]


def trees() -> st.SearchStrategy[Tree]:
    """Return a strategy for trees whose leaves have values that no rounding blurs when they are added up."""
    return st.recursive(
        st.integers(-1000, 1000).map(float),
        lambda below: st.builds(Fork, st.integers(0, N_FEATURES - 1), THRESHOLDS, st.booleans(), below, below),
        max_leaves=12,
    )


@st.composite
def groves(draw: st.DrawFn) -> Drawn:
    """Draw trees, and rows whose values lie at their thresholds, right beside, anywhere, or are absent."""
    grove = draw(st.lists(trees(), min_size=1, max_size=4))
    close = [value for tree in grove for threshold in thresholds_of(tree) for value in around(threshold)]
    finite = [value for value in close if math.isfinite(value)]
    values = st.sampled_from([math.nan, 0.0, *finite]) | st.floats(allow_infinity=False)
    return grove, draw(st.lists(st.lists(values, min_size=N_FEATURES, max_size=N_FEATURES), min_size=1, max_size=6))
