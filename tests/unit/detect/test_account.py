"""What the stopwatch of a batch tells: each stage that ended well, once."""

import pytest

from menshen.detect.account import Stopwatch
from menshen.shell import metrics


def n_observed(stage: str) -> float:
    return metrics.REGISTRY.get_sample_value("menshen_detect_stage_ms_count", {"stage": stage}) or 0.0


def test_a_stage_is_timed_for_the_batch_and_for_the_metric() -> None:
    before, stopwatch = n_observed("save"), Stopwatch()
    with stopwatch.stage("save"):
        pass
    assert (list(stopwatch.ms), n_observed("save") - before) == (["save"], 1.0)
    assert stopwatch.ms["save"] >= 0


def test_a_stage_that_fails_is_not_told() -> None:
    before, stopwatch = n_observed("save"), Stopwatch()
    with pytest.raises(RuntimeError), stopwatch.stage("save"):
        raise RuntimeError
    assert (stopwatch.ms, n_observed("save") - before) == ({}, 0.0)
