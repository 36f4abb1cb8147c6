import numpy as np
import pytest

from menshen.learn.measures import auc, reliability, threshold_pm

HONEST_AND_FRAUD = np.array([False, False, True, True])


@pytest.mark.parametrize(
    ("scores", "expected"),
    [([1, 2, 3, 4], 1.0), ([3, 4, 1, 2], 0.0), ([5, 5, 5, 5], 0.5), ([1, 3, 2, 4], 0.75), ([1, 2, 2, 3], 0.875)],
)
def test_auc_is_the_chance_that_a_fraud_scores_higher(scores: list[int], expected: float) -> None:
    assert auc(np.array(scores), HONEST_AND_FRAUD) == expected


def test_the_threshold_raises_one_honest_row_in_a_hundred_at_the_most() -> None:
    scores, fraud = np.arange(1000), np.zeros(1000, dtype=bool)
    assert threshold_pm(scores, fraud) == 990
    assert (scores >= 990).sum() == 10


def test_where_all_honest_rows_are_alike_the_threshold_lies_above_them() -> None:
    assert threshold_pm(np.full(50, 1000), np.zeros(50, dtype=bool)) == 1001


def test_reliability_sets_the_mean_risk_of_a_tenth_against_the_share_of_frauds_in_it() -> None:
    risk, fraud = np.array([0.0, 0.02, 0.91, 1.0]), np.array([False, False, False, True])
    assert reliability(risk, fraud) == [[2, 0.01, 0.0], [2, 0.955, 0.5]]
