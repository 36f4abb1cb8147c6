from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.learn.saplings import INF, NAN, saplings

from menshen.fraud.maths.trees import MAX_DEPTH, TreesError, as_single, planted, reached

TREES = planted(saplings(), 2)


def leaf(*row: float) -> float:
    return float(reached(TREES, np.array([row]))[0, 0])


def test_a_value_at_the_threshold_goes_left_and_one_just_above_goes_right() -> None:
    assert leaf(10.0, 1.0) == 1.0
    assert leaf(float(np.nextafter(10.0, 11.0)), 1.0) == 2.0


@pytest.mark.parametrize(("left", "expected"), [(True, 1.0), (False, 2.0)])
def test_an_absent_value_goes_where_the_node_says(left: bool, expected: float) -> None:
    trees = planted(saplings(absent_left=np.array([left, *[False] * 5])), 2)
    assert reached(trees, np.array([[NAN, 1.0]]))[0, 0] == expected


@pytest.mark.parametrize("value", [-1e308, 0.0, float(np.finfo(np.float64).max)])
def test_an_infinite_threshold_parts_the_absent_from_everything_else(value: float) -> None:
    assert leaf(20.0, value) == 2.0
    assert leaf(20.0, NAN) == 4.0


@given(st.lists(st.tuples(*[st.floats(allow_infinity=False)] * 2), min_size=1, max_size=20))
def test_each_row_reaches_the_same_leaves_alone_and_in_a_batch(rows: list[tuple[float, float]]) -> None:
    batch = np.array(rows)
    alone = np.concatenate([reached(TREES, batch[i : i + 1]) for i in range(len(batch))])
    assert (reached(TREES, batch) == alone).all()


def test_no_rows_give_no_values() -> None:
    assert reached(TREES, np.empty((0, 2))).shape == (0, 2)


@pytest.mark.parametrize(
    ("column", "at", "value"),
    [
        ("left", 0, 6),
        ("right", 2, -1),
        ("left", 2, 0),  # back to the root: a walk in circles
        ("right", 2, 2),  # half a leaf
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


@pytest.mark.parametrize("depth", [MAX_DEPTH, MAX_DEPTH + 1])
def test_a_tree_may_have_64_levels_and_no_more(depth: int) -> None:
    """A spine: each inner node has a leaf on its left and the rest on its right."""
    inner = np.arange(2 * depth + 1) % 2 == 0
    inner[-1] = False
    here = np.arange(2 * depth + 1)
    arrays = {
        "roots": np.array([0]),
        "feature": np.zeros_like(here),
        "threshold": np.where(inner, here, 0.0),
        "left": np.where(inner, here + 1, here),
        "right": np.where(inner, here + 2, here),
        "absent_left": inner,
        "value": here.astype(float),
    }
    if depth > MAX_DEPTH:
        with pytest.raises(TreesError, match="deeper"):
            planted(arrays, 1)
    else:
        assert reached(planted(arrays, 1), np.array([[1e9]])) == 2 * depth


def test_numbers_beyond_single_precision_become_its_largest() -> None:
    largest = float(np.finfo(np.float32).max)
    assert as_single(np.array([1e300, -1e300, 0.1])).tolist() == [largest, -largest, float(np.float32(0.1))]
    assert np.isnan(as_single(np.array([NAN]))).all()
