import msgspec
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.fraud.detectors.behaviour.typists import SENTENCE, Typist, on_clock, typed

from menshen.fraud.detector import Reading
from menshen.fraud.detectors.behaviour.typing_rhythm import KINDS, TypingRhythm, TypingRhythmState
from menshen.fraud.maths.robust import midmean
from menshen.fraud.maths.template import Pace, unpack
from menshen.fraud.sighting import Sighting

DETECTOR = TypingRhythm()


def typist(seed: int = 1, **habits: float) -> Typist:
    return Typist(np.random.default_rng(seed), **habits)


def knowing(*visits: Sighting) -> TypingRhythmState:
    state = DETECTOR.state()
    for visit in visits:
        state = DETECTOR.step(state, visit).state
    return state


def enrolled(person: Typist, n_visits: int = 8) -> TypingRhythmState:
    return knowing(*(person.visit() for _ in range(n_visits)))


def doubt(state: TypingRhythmState, visit: Sighting) -> int:
    return sum(finding.doubt_pm for finding in DETECTOR.step(state, visit).findings)


def test_a_stranger_at_the_keyboard_is_doubted_and_the_subject_is_not() -> None:
    person = typist()
    state = enrolled(person)
    stranger = typist(2, hold_ms=140, flight_ms=240)
    assert [doubt(state, person.visit()) for _ in range(20)] == [0] * 20
    assert min(doubt(state, stranger.visit()) for _ in range(20)) > 200


def test_the_further_away_the_rhythm_the_greater_the_doubt() -> None:
    state = enrolled(typist())
    doubts = [doubt(state, typist(2, hold_ms=hold_ms, flight_ms=250).visit()) for hold_ms in (95, 140, 200)]
    assert doubts == sorted(doubts)
    assert doubts[0] < doubts[-1]


def test_a_doubt_stands_half_an_hour_in_its_session_and_names_its_figures() -> None:
    (finding,) = DETECTOR.step(enrolled(typist()), typist(2, hold_ms=180, flight_ms=300).visit()).findings
    assert (finding.code, finding.stands_ms, finding.subject_wide) == ("TYPING_MISMATCH", 1_800_000, False)
    assert finding.evidence["distance"] > 1
    assert finding.evidence["n_keys"] == len(SENTENCE) - 1, "the one backspace is too rare to compare"


@pytest.mark.parametrize("classes", [SENTENCE, "l" * 19])
def test_nothing_is_said_before_three_visits_and_sixty_keys(classes: str) -> None:
    person, stranger = typist(), typist(2, hold_ms=180, flight_ms=300)
    state = DETECTOR.state()
    while state.physical.n_visits < 3 or state.physical.n_keys < 60:
        reading = DETECTOR.step(state, stranger.visit())
        assert (reading.findings, reading.features) == ((), None)
        state = DETECTOR.step(state, person.visit(classes)).state
    assert doubt(state, stranger.visit(classes)) > 0


def test_a_visit_of_seven_keys_says_nothing_and_teaches_nothing() -> None:
    state = enrolled(typist())
    assert DETECTOR.step(state, typist(2, hold_ms=180, flight_ms=300).visit("l" * 7)) == Reading(state)
    assert DETECTOR.step(state, typist().visit("l" * 7)).state == state


def test_kinds_of_keys_that_are_new_for_the_subject_are_learned_before_they_are_judged() -> None:
    person, stranger = typist(), typist(2, hold_ms=180, flight_ms=300)
    state = knowing(*(person.visit("l" * 25) for _ in range(5)))
    assert doubt(state, stranger.visit("d" * 18)) == 0
    for _ in range(3):
        state = DETECTOR.step(state, person.visit("d" * 18)).state
    assert doubt(state, stranger.visit("d" * 18)) > 0


@pytest.mark.parametrize(
    "said",
    [{"pasted": True}, {"autofilled": True}, *({"input_method": method} for method in ("ime", "voice", "assistive"))],
)
def test_typing_that_is_not_by_hand_weighs_nothing_and_teaches_nothing(said: dict[str, object]) -> None:
    state = enrolled(typist())
    reading = DETECTOR.step(state, typist(2, hold_ms=180, flight_ms=300).visit(**said))
    assert reading == Reading(state)


def test_the_first_visits_on_a_touch_keyboard_are_not_compared_with_real_keys() -> None:
    state, thumbs = enrolled(typist()), typist(2, hold_ms=60, flight_ms=280)
    assert doubt(state, thumbs.visit()) > 0
    assert doubt(state, thumbs.visit(input_method="soft_keyboard")) == 0


def test_a_customer_with_a_clock_rounded_to_100_ms_is_not_a_stranger_to_himself() -> None:
    person = typist()
    visits = [typed(*on_clock(*person.times(31), 100, first_ms=i), SENTENCE) for i in range(0, 2400, 40)]
    state = knowing(*visits[:20])
    assert sum(doubt(state, visit) > 0 for visit in visits[20:]) <= 1


@pytest.mark.parametrize("said", [{"assurance": "claimed"}, {"occurred_ms": -301_000}])
def test_a_visit_that_nobody_vouches_for_or_that_comes_late_teaches_nothing(said: dict[str, object]) -> None:
    state = enrolled(typist())
    assert DETECTOR.step(state, typist().visit(**said)).state == state


@pytest.mark.parametrize("said", [{"assurance": "claimed"}, {"occurred_ms": -301_000}])
def test_a_visit_that_nobody_vouches_for_or_that_comes_late_is_doubted_all_the_same(said: dict[str, object]) -> None:
    assert doubt(enrolled(typist()), typist(2, hold_ms=180, flight_ms=300).visit(**said)) > 0


def test_a_visit_that_is_doubted_teaches_nothing() -> None:
    state = enrolled(typist())
    assert DETECTOR.step(state, typist(2, hold_ms=180, flight_ms=300).visit()).state == state


def test_a_thief_cannot_lead_the_template_to_himself_in_fifty_small_steps() -> None:
    """He knows the victim's habit, walks from it towards his own, and goes no faster than is still believed."""
    unbounded = TypingRhythm(pace=Pace(drift=1e6, widening=1e6))
    assert max(doubts_of_a_thief_after_fifty_steps(unbounded)) == 0
    assert min(doubts_of_a_thief_after_fifty_steps(DETECTOR)) > 100


def doubts_of_a_thief_after_fifty_steps(detector: TypingRhythm) -> list[int]:
    def doubt(visit: Sighting) -> int:
        return sum(finding.doubt_pm for finding in detector.step(state, visit).findings)

    state = enrolled(typist(), 25)
    for seed in range(50):
        steps = [between(share / 40, seed) for share in range(41)]
        state = detector.step(state, next(visit for visit in reversed(steps) if doubt(visit) == 0)).state
    return [doubt(between(1, seed)) for seed in range(60, 65)]


def between(share: float, seed: int) -> Sighting:
    return typist(100 + seed, hold_ms=95 + share * 75, flight_ms=110 + share * 190).visit()


def test_slow_honest_change_is_followed() -> None:
    state = enrolled(typist(), 10)
    for visit in range(60):
        state = DETECTOR.step(state, typist(visit, hold_ms=95 + visit / 6, flight_ms=110 - visit / 3).visit()).state
    assert sum(doubt(state, typist(seed, hold_ms=105, flight_ms=90).visit()) > 0 for seed in range(20)) == 0


def test_a_template_of_every_kind_of_key_on_two_keyboards_stays_under_300_bytes() -> None:
    rng, state = np.random.default_rng(5), DETECTOR.state()
    for method in ("keyboard", "soft_keyboard") * 20:
        classes = "".join(rng.choice(list("ldsbo"), 60))
        state = DETECTOR.step(state, Typist(rng).visit(classes, input_method=method)).state
    assert 200 < len(msgspec.msgpack.encode(state)) < 300


PAIRS_OF_THEIR_OWN = ("ll", "dd", "ls", "sl")


@example([("d", 90 + at, 1_480 + 10 * at) for at in range(9)])
@example([("b", 90, 140)] * 9)
@given(st.lists(st.tuples(st.sampled_from("ldsbo"), st.integers(0, 2_000), st.integers(-60, 3_000)), min_size=8))
def test_times_are_sorted_by_key_and_pair_without_pauses_and_held_backspaces(keys: list[tuple[str, int, int]]) -> None:
    classes = "".join(key for key, _, _ in keys)
    seen: dict[str, list[int]] = {}
    for key, hold_ms, _ in keys:
        seen.setdefault(key, []).append(10 * min(hold_ms, 1_000))
    for at, (_, _, flight_ms) in enumerate(keys[:-1]):
        pair = classes[at : at + 2]
        if pair != "bb" and flight_ms < 1_500:
            rare = "?b" if pair[1] == "b" else "b?" if pair[0] == "b" else "?d" if "d" in pair else "??"
            seen.setdefault(pair if pair in PAIRS_OF_THEIR_OWN else rare, []).append(10 * flight_ms)
    visit = typed([hold_ms for _, hold_ms, _ in keys], [flight_ms for _, _, flight_ms in keys[:-1]], classes)
    cells = unpack(knowing(visit).physical.cells).values()
    learned = {KINDS[cell.kind]: (cell.n_values, cell.centre) for cell in cells}
    assert learned == {kind: (len(values), round(midmean(values))) for kind, values in seen.items()}
