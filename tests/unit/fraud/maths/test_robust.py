import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from menshen.fraud.maths.robust import clamp, clipped_step, mean_deviation, midmean


def test_a_midmean_does_not_follow_a_quarter_of_wild_values() -> None:
    assert midmean([10, 11, 12, 13, 14, 15, 9_000, 9_000]) == midmean([10, 11, 12, 13, 14, 15, 16, 16])


def test_a_midmean_of_few_values_is_their_mean() -> None:
    assert [midmean([7]), midmean([1, 2]), midmean([1, 2, 6])] == [7, 1.5, 3]


def test_a_midmean_of_four_values_leaves_the_outer_ones_out() -> None:
    assert midmean([3, 100, -50, 1]) == 2


def test_a_midmean_moves_gently_where_a_median_jumps() -> None:
    fewer, more = [0] * 6 + [100] * 5, [0] * 5 + [100] * 6
    assert np.median(more) - np.median(fewer) == 100
    assert 0 < midmean(more) - midmean(fewer) < 30


def test_a_mean_deviation_is_what_its_name_says() -> None:
    assert mean_deviation([1, 3, 8], 3) == pytest.approx(7 / 3)


def test_a_step_goes_part_of_the_way_and_no_wild_value_pulls_further_than_the_limit() -> None:
    assert clipped_step(10.0, 14.0, rate=0.5, limit=100.0) == 12.0
    assert clipped_step(10.0, 1e9, rate=0.5, limit=4.0) == 12.0
    assert clipped_step(10.0, -1e9, rate=0.5, limit=4.0) == 8.0


def test_running_steps_find_the_centre_in_spite_of_outliers() -> None:
    rng = np.random.default_rng(0)
    values = np.where(rng.random(3_000) < 0.1, 10_000, rng.normal(50, 5, 3_000))
    estimate = 40.0
    for value in values:
        estimate = clipped_step(estimate, value, rate=0.02, limit=10.0)
    assert estimate == pytest.approx(50, abs=3)


def test_clamping_keeps_within_both_bounds() -> None:
    assert [clamp(value, 1, 3) for value in (0, 2, 4)] == [1, 2, 3]


@given(st.lists(st.integers(-(2**15), 2**15), min_size=1, max_size=20))
def test_a_midmean_is_the_mean_of_the_sorted_middle(values: list[int]) -> None:
    cut = len(values) // 4
    middle = sorted(values)[cut : len(values) - cut]
    assert midmean(values) == sum(middle) / len(middle)
