import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.fraud.maths.plain_trees import N_FEATURES, Drawn, Fork, around, arrays_of, groves, leaf_of
from tests.unit.learn.saplings import INF, NAN, saplings

from menshen.fraud.maths.forest import grown
from menshen.fraud.maths.trees import MAX_NODES, TreesError, planted, reading_single, with_ordinary

LARGEST = np.finfo(np.float32).max


@pytest.mark.parametrize(
    ("column", "at", "value"),
    [
        ("left", 0, 6),
        ("right", 2, -1),
        ("left", 2, 0),  # back to the root: a walk in circles
        ("right", 2, 2),  # half a leaf
        ("right", 0, 3),  # a branch that two nodes share, and one that none has
        ("right", 2, 3),  # one leaf on both sides
        ("roots", 1, 4),  # a root with a parent
        ("roots", 1, 6),
        ("roots", 0, -1),
        ("feature", 0, 2),
        ("feature", 0, -1),
        ("threshold", 0, NAN),
        ("threshold", 0, -INF),
        ("value", 1, NAN),
        ("value", 1, INF),
    ],
)
def test_trees_that_cannot_be_walked_safely_are_refused(column: str, at: int, value: float) -> None:
    arrays = saplings()
    arrays[column][at] = value  # type: ignore[index]
    with pytest.raises(TreesError):
        planted(arrays, 2)


@pytest.mark.parametrize(
    "changed",
    [
        {"left": np.array([0.0] * 6)},
        {"value": np.array([0] * 6)},
        {"absent_left": np.array([0] * 6)},
        {"threshold": np.zeros((6, 1))},
        {"threshold": np.zeros(5)},
        {"roots": np.array([], dtype=np.int32)},
        {"roots": np.array([0])},  # a leaf that no tree has
        {"roots": np.array([0, 5, 5])},  # one tree, twice
        {"value": np.array([object()] * 6)},
    ],
)
def test_arrays_of_the_wrong_kind_or_shape_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(TreesError):
        planted(saplings(**changed), 2)


def test_a_missing_array_is_named() -> None:
    arrays = saplings()
    del arrays["value"]
    with pytest.raises(TreesError, match="value is missing"):
        planted(arrays, 2)


@pytest.mark.parametrize("n_nodes", [MAX_NODES, MAX_NODES + 1])
def test_there_may_be_32768_nodes_and_no_more(n_nodes: int) -> None:
    here = np.arange(n_nodes)
    arrays = dict.fromkeys(("roots", "left", "right"), here) | {"feature": np.zeros_like(here)}
    arrays |= {"threshold": np.zeros(n_nodes), "value": np.ones(n_nodes), "absent_left": np.zeros(n_nodes, np.bool_)}
    if n_nodes > MAX_NODES:
        with pytest.raises(TreesError, match="more than 32768 nodes"):
            planted(arrays, 1)
    else:
        assert planted(arrays, 1).value.size == n_nodes


def near_singles(threshold: float) -> list[float]:
    """Return the threshold, the singles around it, what lies half way between them, and the doubles next to those."""
    with np.errstate(over="ignore"):
        single = np.float32(threshold)
    singles = [float(each) for each in (np.nextafter(single, -LARGEST), single, np.nextafter(single, LARGEST))]
    half_way = [low / 2 + high / 2 for low, high in pairwise(singles)]
    return [value for close in (threshold, *singles, *half_way) for value in around(close)]


def as_single(row: list[float]) -> list[float]:
    with np.errstate(over="ignore"):
        rounded: list[float] = np.clip(np.array(row), -LARGEST, LARGEST).astype(np.float32).tolist()
    return rounded


@given(st.floats(allow_nan=False, min_value=-1e308) | st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_trees_that_read_single_precision_send_a_value_where_its_rounding_goes(threshold: float) -> None:
    fork = Fork(0, threshold, False, 1.0, 2.0)
    forest = grown(reading_single(planted(arrays_of([fork]), 1)))
    for value in [NAN, *filter(math.isfinite, near_singles(threshold))]:
        assert forest.totals(forest.reached([value])) == [leaf_of(fork, as_single([value]))]


@given(groves(), st.lists(st.sampled_from([-2.0, 0.0, 1.5, 7.0]), min_size=N_FEATURES, max_size=N_FEATURES))
def test_where_the_ordinary_stands_in_the_absent_go_its_way(drawn: Drawn, ordinary: list[float]) -> None:
    grove, rows = drawn
    forest = grown(with_ordinary(planted(arrays_of(grove), N_FEATURES), np.array(ordinary)))
    for row in rows:
        filled = [usual if np.isnan(value) else value for value, usual in zip(row, ordinary, strict=True)]
        assert forest.totals(forest.reached(row)) == [sum(leaf_of(tree, filled) for tree in grove)]
