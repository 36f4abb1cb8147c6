"""How unlikely it is that measured times repeat as closely as they do, on a clock as coarse as theirs."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from math import lgamma, log, log2, log10, pi, sqrt

TIMER_STEPS_MS = (100.0, 50.0, 100 / 3, 20.0, 50 / 3, 10.0, 5.0, 2.0)
"""Resolutions to which browsers round their clocks for privacy, and those of common display rates."""
LONGEST_CYCLE = 8
WINDOWS_MS = (4.0, 12.0)


def timer_step_ms(times_ms: Sequence[int]) -> float:
    """Return the coarsest usual resolution on whose multiples all times lie, give or take a rounding; 1 if none."""
    return next((step for step in TIMER_STEPS_MS if all(_lies_on(time, step) for time in times_ms)), 1.0)


def _lies_on(time_ms: int, step_ms: float) -> bool:
    slack_ms = 1.0 if step_ms >= 10 else 0.0
    return abs(time_ms - step_ms * round(time_ms / step_ms)) <= slack_ms


def information_bits(values: Sequence[int]) -> float:
    """Return how much the values tell apart: their number times the entropy of their frequencies.

    References
    ----------
    Shannon, C. E. (1948), A mathematical theory of communication, Bell System Technical Journal 27(3).
    """
    return sum(count * log2(len(values) / count) for count in Counter(values).values())


def surprise(n_hits: int, n_trials: int, chance: float) -> float:
    """Return -log10 of the probability that independent trials of this chance hit at least `n_hits` times."""
    if n_hits <= chance * n_trials or chance >= 1:
        return 0.0
    logs = [_log10_binomial(k, n_trials, chance) for k in range(n_hits, n_trials + 1)]
    return -max(logs) - log10(sum(10 ** (each - max(logs)) for each in logs))


def _log10_binomial(k: int, n: int, chance: float) -> float:
    ways = lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
    return (ways + k * log(chance) + (n - k) * log(1 - chance)) / log(10)


def repetition(times_ms: Sequence[int], deviation_ms: float, step_ms: float) -> float:
    """Return the surprise at how closely times repeat, or cycle through up to 8 values.

    Counts the times that lie within a few ms of the median of their turn in the cycle; the medians themselves don't
    count. If people deviate by `deviation_ms`, the density of a normal at its peak bounds the chance of such a hit; a
    difference of two times on a clock of `step_ms` has a variance of step**2 / 6 on top (two uniform roundings).
    """
    windows_ms = [max(window_ms, step_ms / 2) for window_ms in WINDOWS_MS]
    scatter_ms = sqrt(deviation_ms**2 + step_ms**2 / 6)
    most = 0.0
    for cycle in range(1, max(1, min(LONGEST_CYCLE, len(times_ms) // 3)) + 1):
        turns = [sorted(times_ms[first::cycle]) for first in range(cycle)]
        for within_ms in windows_ms:
            n_near = sum(_n_near_median(turn, within_ms) - 1 for turn in turns)
            chance = 2 * within_ms / (sqrt(2 * pi) * scatter_ms)
            most = max(most, surprise(n_near, len(times_ms) - cycle, chance) - log10(cycle))
    return most


def _n_near_median(ordered: list[int], within: float) -> int:
    usual = ordered[(len(ordered) - 1) // 2]
    return bisect_left(ordered, usual + within) - bisect_right(ordered, usual - within)
