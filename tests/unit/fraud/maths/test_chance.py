from math import comb, log10

import numpy as np
import pytest

from menshen.fraud.maths.chance import information_bits, repetition, surprise, timer_step_ms


@pytest.mark.parametrize(("n_hits", "n_trials", "chance"), [(9, 9, 0.2), (7, 20, 0.1), (40, 60, 0.5), (500, 511, 0.3)])
def test_surprise_is_the_exact_tail_of_the_binomial(n_hits: int, n_trials: int, chance: float) -> None:
    tail = sum(comb(n_trials, k) * chance**k * (1 - chance) ** (n_trials - k) for k in range(n_hits, n_trials + 1))
    assert surprise(n_hits, n_trials, chance) == pytest.approx(-log10(tail))


def test_what_is_expected_surprises_nobody() -> None:
    assert surprise(5, 10, 0.5) == surprise(-1, 3, 0.1) == surprise(10, 10, 1.2) == 0


@pytest.mark.parametrize("step_ms", [1, 2, 5, 10, 20, 50, 100, 50 / 3, 100 / 3])
def test_the_step_of_a_clock_is_read_off_the_times(step_ms: float) -> None:
    moments = np.cumsum(np.random.default_rng(1).lognormal(4.5, 0.6, 60))
    shown = np.round(np.floor(moments / step_ms) * step_ms).astype(int)
    assert timer_step_ms(np.diff(shown).tolist()) == pytest.approx(step_ms)


def test_one_time_beside_the_steps_shows_a_finer_clock() -> None:
    assert timer_step_ms([100, 200, 137, 300]) == 1


def test_information_grows_with_what_differs() -> None:
    assert information_bits([100] * 30) == 0
    assert information_bits([0, 100] * 10) == 20
    assert information_bits(list(range(16))) == 64


def test_repetition_is_rare_in_people_and_certain_in_machines() -> None:
    human = np.random.default_rng(2).normal(120, 40, 30).astype(int).tolist()
    assert repetition(human, 22, 1) < 2
    assert repetition([120, 121, 119] * 10, 22, 1) > 15
    assert repetition([80, 150, 100] * 10, 22, 1) > 15


def test_a_coarse_clock_makes_repetition_ordinary() -> None:
    times = [100] * 12
    assert repetition(times, 22, 1) > 8
    assert repetition(times, 22, 100) < 1
