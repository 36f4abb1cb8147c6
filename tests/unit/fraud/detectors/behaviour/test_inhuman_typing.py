from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from tests.unit.fraud.detectors.behaviour.typists import Typist, on_clock, typed

from menshen.contract.events import Keystroke
from menshen.fraud.detector import Reading
from menshen.fraud.detectors.behaviour.inhuman_typing import InhumanTyping, InhumanTypingState
from menshen.fraud.maths.chance import repetition, timer_step_ms
from menshen.fraud.sighting import Sighting

DETECTOR, NOTHING_KNOWN = InhumanTyping(), InhumanTypingState()
CLOCKS_MS = (1, 2, 10, 20, 50, 100)


def look(visit: Sighting, state: InhumanTypingState = NOTHING_KNOWN) -> Reading:
    return DETECTOR.step(state, visit)


def doubt(visit: Sighting, state: InhumanTypingState = NOTHING_KNOWN) -> int:
    return sum(finding.doubt_pm for finding in look(visit, state).findings)


def person(seed: int = 1) -> Typist:
    rng = np.random.default_rng(seed)
    return Typist(rng, hold_ms=rng.uniform(65, 130), flight_ms=rng.uniform(60, 250))


def robot(n_keys: int, jitter_ms: int = 0, hold_ms: int = 37, flight_ms: int = 113) -> Sighting:
    rng = np.random.default_rng(n_keys)
    holds = hold_ms + rng.integers(-jitter_ms, jitter_ms + 1, n_keys)
    return typed(holds, flight_ms + rng.integers(-jitter_ms, jitter_ms + 1, n_keys - 1))


@pytest.mark.parametrize("clock_ms", CLOCKS_MS)
@pytest.mark.parametrize("n_keys", [10, 25, 80])
def test_people_raise_no_doubt_on_whatever_clock(clock_ms: int, n_keys: int) -> None:
    for seed in range(100):
        times = on_clock(*person(seed).times(n_keys), clock_ms, first_ms=seed)
        assert doubt(typed(*times, input_method="keyboard")) == 0


@pytest.mark.parametrize("jitter_ms", [0, 1, 2])
def test_ten_keys_at_even_intervals_are_enough(jitter_ms: int) -> None:
    assert doubt(robot(10, jitter_ms)) > 800


def test_nine_keys_say_nothing() -> None:
    assert look(robot(9)) == Reading(NOTHING_KNOWN)


def test_delays_that_come_round_in_a_cycle_are_found() -> None:
    delays = [90, 120, 101, 77]
    assert doubt(typed([53] * 20, [delays[i % 4] for i in range(19)])) == 1000


def test_even_press_times_are_found_although_every_hold_differs() -> None:
    holds = np.random.default_rng(3).integers(40, 90, 20)
    assert doubt(typed(holds, [131 - hold for hold in holds[:-1]])) == 1000


def test_round_intervals_need_more_keys_since_a_coarse_clock_would_show_the_same() -> None:
    assert doubt(robot(12, hold_ms=50, flight_ms=100)) == 0
    assert doubt(robot(60, hold_ms=50, flight_ms=100)) > 800


def test_holds_that_are_all_alike_prove_nothing_by_themselves() -> None:
    """Some keyboards report every hold alike."""
    _, flights = person().times(40)
    assert doubt(typed([60] * 40, flights, input_method="keyboard")) == 0


def test_keys_held_for_no_time_are_inhuman_on_real_keys_only() -> None:
    holds, flights = [1, 0, 2, 1, 0, 1, 3, 0, 1, 2, 0, 1, 1, 2], person().times(14)[1]
    assert doubt(typed(holds, flights, input_method="keyboard")) > 800
    for method in ("soft_keyboard", None):
        assert doubt(typed(holds, flights, input_method=method)) == 0


def test_brief_holds_on_a_clock_of_100_ms_are_people() -> None:
    times = on_clock(*Typist(np.random.default_rng(2), hold_ms=70).times(15), 100)
    assert times[0].count(0) > 3
    assert doubt(typed(*times, input_method="keyboard")) == 0


def test_more_than_25_keys_a_second_are_inhuman_and_20_are_not() -> None:
    rng = np.random.default_rng(4)
    steps = rng.integers(-20, 21, 29)
    assert doubt(typed([20] * 30, 10 + steps)) >= 500
    assert doubt(typed([30] * 30, 20 + steps)) == 0


def test_a_held_backspace_that_repeats_is_nobodys_fault() -> None:
    holds, flights = person().times(12)
    visit = typed(holds + [3] * 30, [*flights, 40, *[30] * 29], "l" * 12 + "b" * 30, input_method="keyboard")
    assert doubt(visit) == 0


@pytest.mark.parametrize(
    "said",
    [{"pasted": True}, {"autofilled": True}, *({"input_method": method} for method in ("ime", "voice", "assistive"))],
)
def test_typing_that_is_not_by_hand_weighs_nothing_and_leaves_nothing(said: dict[str, Any]) -> None:
    visit = robot(30)
    assert look(replace(visit, event=replace(visit.event, **said))) == Reading(NOTHING_KNOWN)


def test_the_very_times_of_an_earlier_visit_are_a_replay() -> None:
    times = person().times(14)
    state = look(typed(*times)).state
    (finding,) = look(typed(*times), state).findings
    assert (finding.doubt_pm, finding.evidence["replayed"]) == (1000, 1.0)
    shifted = [times[0][0] + 1, *times[0][1:]]
    assert doubt(typed(shifted, times[1]), state) == 0


def test_few_different_values_may_come_again_and_are_no_replay() -> None:
    times = on_clock(*Typist(np.random.default_rng(1)).times(12), 100)
    assert doubt(typed(*times), look(typed(*times)).state) == 0


def test_visits_that_nobody_vouches_for_leave_digests_but_push_none_out() -> None:
    recorded, claimed = person(1).times(14), person(2).times(14)
    state = look(typed(*recorded)).state
    for seed in range(3, 30):
        state = look(typed(*person(seed).times(14), assurance="claimed"), state).state
    state = look(typed(*claimed, assurance="claimed"), state).state
    assert doubt(typed(*recorded), state) == 1000
    assert doubt(typed(*claimed), state) == 1000


def test_features_measure_rate_and_spread() -> None:
    even, human = look(typed([53] * 11, [146] * 10)).features, look(typed(*person().times(30))).features
    assert even == {"typing_keys_per_s": 10_000 / 1_991, "typing_spread": 0.0}
    assert human is not None
    assert human["typing_spread"] > 0.1


@pytest.mark.parametrize("flight_ms", [-15, 30, 113])
@pytest.mark.parametrize("jitter_ms", [0, 1, 3, 6, 9, 12, 20, 40])
def test_holds_double_the_surprise_at_most_and_people_spare_their_count(flight_ms: int, jitter_ms: int) -> None:
    for n_keys in (12, 15, 19, 24, 40):
        visit = robot(n_keys, jitter_ms, flight_ms=flight_ms)
        event = visit.event
        assert isinstance(event, Keystroke)
        presses = [hold + flight for hold, flight in zip(event.hold_ms, event.flight_ms, strict=False)]
        step_ms = timer_step_ms([*event.hold_ms, *event.flight_ms])
        between = max(repetition(times, 22, step_ms) for times in (event.flight_ms, presses))
        steady = between + min(between, repetition(event.hold_ms, 8, step_ms))
        keys_per_s = 1000 * len(presses) / (max(0, sum(presses)) + step_ms)
        expected = max((steady - 5) / 5, keys_per_s / 50 if keys_per_s > 25 else 0)
        assert doubt(visit) == int(1000 * max(0, min(1, expected)))
        for finding in look(visit).findings:
            assert finding.evidence["unlikely"] == round(min(99.0, steady), 1)


def test_a_digest_across_two_others_is_no_replay() -> None:
    times = person().times(14)
    digest = look(typed(*times)).state.vouched
    assert doubt(typed(*times), InhumanTypingState(vouched=b"\0" * 3 + digest + b"\0" * 5)) == 0
    assert doubt(typed(*times), InhumanTypingState(vouched=b"\0" * 8 + digest + b"\0" * 8)) == 1000


def test_a_visit_that_comes_again_is_the_newest_once_more() -> None:
    first, second = (typed(*person(seed).times(14)) for seed in (1, 2))
    once, other = look(first).state.vouched, look(second).state.vouched
    state = look(first, look(second, look(first).state).state).state
    assert state.vouched == other + once
