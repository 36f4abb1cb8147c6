"""How unlikely it is that measured times repeat as closely as they do, on a clock as coarse as theirs."""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import lru_cache
from math import ceil, lgamma, log, log2, log10, pi, sqrt
from operator import sub
from typing import NamedTuple

TIMER_STEPS_MS = (100.0, 50.0, 100 / 3, 20.0, 50 / 3, 10.0, 5.0, 2.0)
"""Resolutions to which browsers round their clocks for privacy, and those of common display rates."""
LONGEST_CYCLE = 8
WINDOWS_MS = (4.0, 12.0)


def _slack_ms(step_ms: float) -> float:
    return 1.0 if step_ms >= 10 else 0.0


_STEPS_OF_REMAINDER = tuple(
    sum(
        1 << i
        for i, step_ms in enumerate(TIMER_STEPS_MS)
        if abs(time_ms - step_ms * round(time_ms / step_ms)) < _slack_ms(step_ms) + 0.1
    )
    for time_ms in range(100)
)
"""As bits, the steps on which a time may lie: since all of them divide 100 ms, its remainder excludes the others."""


def timer_step_ms(times_ms: Sequence[int]) -> float:
    """Return the coarsest usual resolution on whose multiples all times lie, give or take a rounding; 1 if none.

    Looks at the remainders first: two or three times of a fine clock leave no step.
    """
    left = -1
    for time_ms in times_ms:
        left &= _STEPS_OF_REMAINDER[time_ms % 100]
        if not left:
            return 1.0
    for i, step_ms in enumerate(TIMER_STEPS_MS):
        if left >> i & 1:
            slack_ms = _slack_ms(step_ms)
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


def tells_apart(values: Sequence[int], least_bits: float) -> bool:
    """Say whether the values' information is at least so many bits; it is counted only where their number leaves doubt.

    Where d of n values are distinct, it is least if all but one of these stand alone: log2(n) bits for each that does.
    """
    at_least = (len(set(values)) - 1) * log2(len(values) or 1)
    return at_least >= least_bits or information_bits(values) >= least_bits


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
    ordered, most = sorted(times_ms), least
    gaps_ms = sorted(map(sub, ordered[1:], ordered))
    for window in _windows(len(times_ms), deviation_ms, step_ms, least):
        n_gaps = bisect_right(gaps_ms, window.reach_ms)
        if n_gaps >= window.n_needed:
            most = max(most, _most_in(window, times_ms, ordered, n_gaps, least))
    return most


class _Cycle(NamedTuple):
    """How many turns a cycle has, and the number of hits below which it is no surprise."""

    n_turns: int
    n_needed: int


class _Lag(NamedTuple):
    """A lag of whole cycles and half the times or more: it pairs times of one turn, none with more than one other.

    `n_spared` is how many times may miss where one of its cycles surprises.
    """

    n_places: int
    n_spared: int
    cycles: tuple[_Cycle, ...]


class _Window(NamedTuple):
    """How near a median a time is a hit, the chance of that, the hits that any cycle needs at least, and the cycles."""

    reach_ms: int
    chance: float
    n_needed: int
    lags: tuple[_Lag, ...]


@lru_cache(maxsize=1024)
def _windows(n_times: int, deviation_ms: float, step_ms: float, least: float) -> tuple[_Window, ...]:
    """Return what counts in each window.

    Kept, since visits are alike: a few dozen lengths, and hardly more than one step of the clock.
    """
    scatter_ms = sqrt(deviation_ms**2 + step_ms**2 / 6)
    return tuple([_window(n_times, max(window_ms, step_ms / 2), scatter_ms, least) for window_ms in WINDOWS_MS])


def _window(n_times: int, within_ms: float, scatter_ms: float, least: float) -> _Window:
    chance, by_lag = 2 * within_ms / (sqrt(2 * pi) * scatter_ms), defaultdict[int, list[_Cycle]](list)
    for n_turns in range(1, max(1, min(LONGEST_CYCLE, n_times // 3)) + 1):
        n_needed = _hits_needed(n_turns, n_times - n_turns, chance, least)
        by_lag[n_turns * ceil(n_times / (2 * n_turns))].append(_Cycle(n_turns, n_needed))
    lags = [_Lag(lag, max(n_times - sum(cycle) for cycle in cycles), tuple(cycles)) for lag, cycles in by_lag.items()]
    fewest = min(cycle.n_needed for lag in lags for cycle in lag.cycles)
    return _Window(ceil(within_ms) - 1, chance, fewest, tuple(lags))


def _hits_needed(cycle: int, n_trials: int, chance: float, least: float) -> int:
    def surprise_at_most(n_hits: int) -> float:
        """Take the tail's first term for the whole tail, which is larger."""
        return -_log10_binomial(n_hits, n_trials, chance) - log10(cycle)

    above_mean = max(0, int(chance * n_trials) + 1)
    return bisect_right(range(n_trials + 1), least, lo=above_mean, key=surprise_at_most)


def _most_in(window: _Window, times_ms: Sequence[int], ordered: list[int], n_gaps: int, least: float) -> float:
    reach_ms, chance, _, lags = window
    most, n_times = least, len(times_ms)
    for lag in lags:
        if _misses(times_ms, lag, reach_ms):
            continue
        for n_turns, n_needed in lag.cycles:
            if n_needed > n_gaps:
                continue
            n_near = _n_near_medians(ordered if n_turns == 1 else times_ms, n_turns, reach_ms, n_needed)
            if n_near >= n_needed:
                most = max(most, surprise(n_near, n_times - n_turns, chance) - log10(n_turns))
    return most


def _misses(times_ms: Sequence[int], lag: _Lag, reach_ms: int) -> bool:
    """Say whether more times than are spared are sure to lie beyond the reach of their turn's median.

    Of two times of one turn that lie further apart than a median reaches to both sides, one misses at least.
    """
    n_places, n_spared, _ = lag
    if n_spared >= len(times_ms) - n_places:
        return False
    apart_ms = 2 * reach_ms
    for earlier_ms, later_ms in zip(times_ms, times_ms[n_places:], strict=False):
        if not -apart_ms <= later_ms - earlier_ms <= apart_ms:
            n_spared -= 1
            if n_spared < 0:
                return True
    return False


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
