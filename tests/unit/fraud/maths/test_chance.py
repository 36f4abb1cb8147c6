from math import comb, lgamma, log, log10, pi, sqrt
from statistics import median_low

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from menshen.fraud.maths.chance import (
    TIMER_STEPS_MS,
    information_bits,
    repetition,
    surprise,
    tells_apart,
    timer_step_ms,
)

STEPS_MS = st.sampled_from((1.0, *TIMER_STEPS_MS))
SCATTERED_MS = st.lists(st.integers(-60, 500), min_size=1, max_size=60)
CYCLES_MS = st.builds(
    lambda delays, jitters: [delays[i % len(delays)] + jitter for i, jitter in enumerate(jitters)],
    st.lists(st.integers(30, 200), min_size=1, max_size=9),
    st.lists(st.sampled_from((0, 0, 0, 1, -4, 4, 5, -12, 12, 40)), min_size=1, max_size=60),
)


def plain_surprise(n_hits: int, n_trials: int, chance: float) -> float:
    """Every term of the tail, in the order in which they add up."""
    if n_hits <= chance * n_trials or chance >= 1:
        return 0.0
    logs = []
    for k in range(n_hits, n_trials + 1):
        ways = lgamma(n_trials + 1) - lgamma(k + 1) - lgamma(n_trials - k + 1)
        logs.append((ways + k * log(chance) + (n_trials - k) * log(1 - chance)) / log(10))
    return -max(logs) - log10(sum(10 ** (each - max(logs)) for each in logs))


def plain_repetition(times_ms: list[int], deviation_ms: float, step_ms: float) -> float:
    """Every time of every turn of every cycle in either window."""
    scatter_ms, most = sqrt(deviation_ms**2 + step_ms**2 / 6), 0.0
    for cycle in range(1, max(1, min(8, len(times_ms) // 3)) + 1):
        medians_ms = [median_low(times_ms[first::cycle]) for first in range(cycle)]
        away_ms = [abs(time_ms - medians_ms[i % cycle]) for i, time_ms in enumerate(times_ms)]
        for within_ms in (max(4.0, step_ms / 2), max(12.0, step_ms / 2)):
            n_near = sum(each < within_ms for each in away_ms) - cycle
            chance = 2 * within_ms / (sqrt(2 * pi) * scatter_ms)
            most = max(most, plain_surprise(n_near, len(times_ms) - cycle, chance) - log10(cycle))
    return most


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


@given(st.lists(st.integers(0, 30), max_size=60), st.floats(0, 200))
def test_values_tell_apart_what_their_information_says(values: list[int], least_bits: float) -> None:
    bits = information_bits(values)
    assert tells_apart(values, least_bits) == (bits >= least_bits)
    assert tells_apart(values, bits)


def test_repetition_is_rare_in_people_and_certain_in_machines() -> None:
    human = np.random.default_rng(2).normal(120, 40, 30).astype(int).tolist()
    assert repetition(human, 22, 1) < 2
    assert repetition([120, 121, 119] * 10, 22, 1) > 15
    assert repetition([80, 150, 100] * 10, 22, 1) > 15


def test_a_coarse_clock_makes_repetition_ordinary() -> None:
    times = [100] * 12
    assert repetition(times, 22, 1) > 8
    assert repetition(times, 22, 100) < 1


@given(st.integers(0, 512), st.integers(0, 512), st.floats(0.001, 1.2))
def test_a_tail_is_summed_to_the_last_digit_although_not_to_its_end(n_hits: int, n_trials: int, chance: float) -> None:
    n_hits = min(n_hits, n_trials)
    assert surprise(n_hits, n_trials, chance) == plain_surprise(n_hits, n_trials, chance)


@given(SCATTERED_MS | CYCLES_MS, st.sampled_from((8.0, 22.0)), STEPS_MS, st.sampled_from((0.0, 0.7, 2.5)))
def test_what_is_not_counted_would_not_have_surprised(
    times_ms: list[int], deviation_ms: float, step_ms: float, least: float
) -> None:
    expected = max(least, plain_repetition(times_ms, deviation_ms, step_ms))
    assert repetition(times_ms, deviation_ms, step_ms, least) == expected


@pytest.mark.parametrize(
    "times_ms",
    [
        [89] * 14 + [100] + [111] * 15,
        [91] * 10 + [500] * 6 + [91] + [100] * 7 + [109] * 6,
        [0, 60, 120, 180, 240, 300, 360, 420] * 4,
    ],
    ids=["at both ends of the window", "some far off", "the longest cycle"],
)
def test_times_that_scatter_as_far_as_may_be_are_counted(times_ms: list[int]) -> None:
    expected = plain_repetition(times_ms, 22, 1)
    assert repetition(times_ms, 22, 1, least=2.5) == expected > 2.5


@given(st.lists(st.integers(-40, 40), min_size=1, max_size=20), STEPS_MS, st.booleans())
def test_the_coarsest_step_on_which_all_times_lie_is_found(multiples: list[int], step_ms: float, early: bool) -> None:
    times_ms = [round(step_ms * multiple) - early * (step_ms > 5) for multiple in multiples]

    def lies_on(time_ms: int, step_ms: float) -> bool:
        return abs(time_ms - step_ms * round(time_ms / step_ms)) <= (1.0 if step_ms >= 10 else 0.0)

    steps_ms = [step_ms for step_ms in TIMER_STEPS_MS if all(lies_on(time_ms, step_ms) for time_ms in times_ms)]
    assert timer_step_ms(times_ms) == (steps_ms[0] if steps_ms else 1.0)
