import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from tests.unit.fraud.maths.plain_trees import N_FEATURES, Drawn, Fork, Tree, arrays_of, groves, leaf_of
from tests.unit.learn.saplings import NAN, saplings

from menshen.fraud.maths.forest import Forest, grown
from menshen.fraud.maths.trees import planted

FOREST = grown(planted(saplings(), 2))
ALONE = 0.5  # what the second tree gives, whatever the row


def totals(forest: Forest, row: Sequence[float]) -> list[float]:
    return forest.totals(forest.reached(row))


def leaf(*row: float) -> float:
    (total,) = totals(FOREST, row)
    return total - ALONE


def test_a_value_at_the_threshold_goes_left_and_one_just_above_goes_right() -> None:
    assert leaf(10.0, 1.0) == 1.0
    assert leaf(math.nextafter(10.0, 11.0), 1.0) == 2.0


@pytest.mark.parametrize(("left", "expected"), [(True, 1.0), (False, 2.0)])
def test_an_absent_value_goes_where_the_node_says(left: bool, expected: float) -> None:
    forest = grown(planted(saplings(absent_left=np.array([left, *[False] * 5])), 2))
    assert totals(forest, [NAN, 1.0]) == [expected + ALONE]


@pytest.mark.parametrize("value", [-1e308, 0.0, float(np.finfo(np.float64).max)])
def test_an_infinite_threshold_parts_the_absent_from_everything_else(value: float) -> None:
    assert leaf(20.0, value) == 2.0
    assert leaf(20.0, NAN) == 4.0


@given(groves())
def test_rows_reach_the_leaves_that_they_reach_step_by_step(drawn: Drawn) -> None:
    grove, rows = drawn
    forest = grown(planted(arrays_of(grove), N_FEATURES))
    assert [totals(forest, row) for row in rows] == [[sum(leaf_of(tree, row) for tree in grove)] for row in rows]


@given(groves(), groves())
def test_each_group_of_trees_has_a_total_of_its_own(drawn: Drawn, other: Drawn) -> None:
    groups, rows = [drawn[0], other[0]], drawn[1] + other[1]
    forest = grown(*(planted(arrays_of(grove), N_FEATURES) for grove in groups))
    for row in rows:
        assert totals(forest, row) == [sum(leaf_of(tree, row) for tree in grove) for grove in groups]


def test_trees_may_have_many_leaves_and_levels() -> None:
    """Two spines of 300 forks, one down each side: leaf i is for the rows between i - 1 and i."""
    down_right: Tree = 300.0
    down_left: Tree = 0.0
    for i in range(300):
        down_right = Fork(0, 299.0 - i, False, 299.0 - i, down_right)
        down_left = Fork(0, float(i), False, down_left, i + 1.0)
    forest = grown(*(planted(arrays_of([spine]), 1) for spine in (down_right, down_left)))
    assert [totals(forest, [i - 0.5]) for i in range(301)] == [[i, i] for i in range(301)]


def test_a_row_of_another_width_is_refused() -> None:
    for row in ([1.0], [1.0, 1.0, 1.0]):
        with pytest.raises(ValueError, match=f"{len(row)} values, not 2"):
            FOREST.reached(row)
