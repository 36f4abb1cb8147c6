"""A run of the bench says by itself whether the machine was quiet."""

import pytest
from tests.bench.noise import N_TRIES, Mood, Noise


def stat(used: int, idle: int, stolen: int) -> str:
    """Return the first lines of /proc/stat: half of what was used by the kernel, the rest by programs."""
    return f"cpu  {used // 2} 0 {used - used // 2} {idle} 7 0 0 {stolen} 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n"


def mood(*looks_s: float, before: str = "", after: str = "") -> Mood:
    """Return what is said of a machine whose work takes so long at each look, from one line of ticks to the other.

    All tries of a look but one are interrupted, at each look for longer.
    """
    begin = stat(100, 100, 0)
    tries = iter([tried for n, look_s in enumerate(looks_s, 2) for tried in (*[n * look_s] * (N_TRIES - 1), look_s)])
    ticks = iter([before or begin, after or begin])
    noise = Noise(lambda: next(tries), lambda: next(ticks))
    for _ in looks_s:
        noise.look()
    return noise.mood()


def test_a_machine_that_always_takes_as_long_is_quiet_whatever_single_tries_took() -> None:
    told = mood(0.010, 0.011, 0.012, after=stat(1_090, 90_100, 5))
    assert told == (1.2, 0.005)
    assert not told.noisy
    assert str(told) == "a quiet run: the same work took up to 1.20 x the CPU, 0.5% went to others"


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(mood(0.010, 0.016, 0.010), id="it was slow for a while"),
        pytest.param(mood(0.010, after=stat(1_080, 90_100, 20)), id="the host gave its time to others"),
    ],
)
def test_a_machine_that_was_slow_for_a_while_or_gave_its_time_away_is_noisy(told: Mood) -> None:
    assert told.noisy
    assert str(told).startswith("a noisy run, whose waits say little: ")


def test_what_a_machine_gave_to_others_is_a_share_of_what_was_asked_for() -> None:
    # Idle time was not asked for.
    assert mood(1.0, before=stat(1_000, 5_000, 50), after=stat(1_980, 95_000, 70)).stolen_share == 0.02


def test_this_machine_can_be_asked() -> None:
    noise = Noise()
    noise.look()
    told = noise.mood()
    assert told.uneven == 1.0
    assert 0.0 <= told.stolen_share <= 1.0
