"""How unlikely it is that measured times repeat as closely as they do, on a clock as coarse as theirs."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from math import ceil, lgamma, log, log2, log10, pi, sqrt
from operator import sub

TIMER_STEPS_MS = (100.0, 50.0, 100 / 3, 20.0, 50 / 3, 10.0, 5.0, 2.0)
"""Resolutions to which browsers round their clocks for privacy, and those of common display rates."""
LONGEST_CYCLE = 8
WINDOWS_MS = (4.0, 12.0)


def timer_step_ms(times_ms: Sequence[int]) -> float:
    """Return the coarsest usual resolution on whose multiples all times lie, give or take a rounding; 1 if none."""
    for step_ms in TIMER_STEPS_MS:
        slack_ms = 1.0 if step_ms >= 10 else 0.0
        for time_ms in times_ms:
            if abs(time_ms - step_ms * round(time_ms / step_ms)) > slack_ms:
                break
        else:
            return step_ms
    return 1.0


def information_bits(values: Sequence[int]) -> float:
    """Return how much the values tell apart: their number times the entropy of their frequencies.

    References
    ----------
    Shannon, C. E. (1948), A mathematical theory of communication, Bell System Technical Journal 27(3).
    """
    return sum(count * log2(len(values) / count) for count in Counter(values).values())


def surprise(n_hits: int, n_trials: int, chance: float) -> float:
    """Return -log10 of the probability that independent trials of this chance hit at least `n_hits` times.

    Above the mean each further number of hits is less likely than the one before: once one is too unlikely to change
    the sum, so are all that follow.
    """
    if n_hits <= chance * n_trials or chance >= 1:
        return 0.0
    likeliest, relative = _log10_binomial(n_hits, n_trials, chance), 1.0
    for k in range(n_hits + 1, n_trials + 1):
        before = relative
        relative += 10 ** (_log10_binomial(k, n_trials, chance) - likeliest)
        if relative == before:
            break
    return -likeliest - log10(relative)


def _log10_binomial(k: int, n: int, chance: float) -> float:
    ways = lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
    return (ways + k * log(chance) + (n - k) * log(1 - chance)) / log(10)


def repetition(times_ms: Sequence[int], deviation_ms: float, step_ms: float, least: float = 0.0) -> float:
    """Return the surprise at how closely times repeat, or cycle through up to 8 values; `least` where it is no more.

    Counts the times that lie within a few ms of the median of their turn in the cycle; the medians themselves don't
    count. If people deviate by `deviation_ms`, the density of a normal at its peak bounds the chance of such a hit; a
    difference of two times on a clock of `step_ms` has a variance of step**2 / 6 on top (two uniform roundings).

    Nothing is counted where the times lie too far apart for a surprise: a hit is linked to a median, which does not
    count, by gaps no wider than the window, so that there are no more hits than such gaps between the ordered times.
    """
    n_times, ordered = len(times_ms), sorted(times_ms)
    gaps_ms = sorted(map(sub, ordered[1:], ordered))
    scatter_ms = sqrt(deviation_ms**2 + step_ms**2 / 6)
    most = least
    for within_ms in (max(window_ms, step_ms / 2) for window_ms in WINDOWS_MS):
        chance, reach_ms = 2 * within_ms / (sqrt(2 * pi) * scatter_ms), ceil(within_ms) - 1
        n_gaps = bisect_right(gaps_ms, reach_ms)
        for cycle, n_needed in enumerate(_hits_needed(n_times, chance, least), start=1):
            if n_needed <= n_gaps and (n_near := _n_near_medians(times_ms, cycle, reach_ms, n_needed)) >= n_needed:
                most = max(most, surprise(n_near, n_times - cycle, chance) - log10(cycle))
    return most


@lru_cache(maxsize=4096)
def _hits_needed(n_times: int, chance: float, least: float) -> tuple[int, ...]:
    """Return for each cycle a number of hits below which there is no surprise above `least`.

    Kept, since visits are alike: a few dozen lengths, and a window's chance depends on the clock's step alone.
    """
    cycles = range(1, max(1, min(LONGEST_CYCLE, n_times // 3)) + 1)
    return tuple(_hits_needed_in(cycle, n_times - cycle, chance, least) for cycle in cycles)


def _hits_needed_in(cycle: int, n_trials: int, chance: float, least: float) -> int:
    def surprise_at_most(n_hits: int) -> float:
        """Take the tail's first term for the whole tail, which is larger."""
        return -_log10_binomial(n_hits, n_trials, chance) - log10(cycle)

    above_mean = max(0, int(chance * n_trials) + 1)
    return bisect_right(range(n_trials + 1), least, lo=above_mean, key=surprise_at_most)


def _n_near_medians(times_ms: Sequence[int], cycle: int, reach_ms: int, at_least: int) -> int:
    """Return how many times lie within `reach_ms` of the median of their turn in the cycle; medians don't count.

    Gives up once they are sure to be fewer than `at_least`: then that is all that the result says.
    """
    n_near = len(times_ms) - cycle
    for first in range(cycle):
        turn = sorted(times_ms[first::cycle])
        median = turn[(len(turn) - 1) // 2]
        n_near -= bisect_left(turn, median - reach_ms) + len(turn) - bisect_right(turn, median + reach_ms)
        if n_near < at_least:
            break
    return n_near
