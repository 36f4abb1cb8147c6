"""What is published about a gate names what it is about, under an id of its own, and can be read."""

from collections.abc import Sequence

import pytest
from tests.gate.office import Place
from tests.unit.onboard.counter import DRAW, Counter

from menshen.contract.events import Challenge, Checkpoint, Event, Override
from menshen.loan.gate import ProofFailed, Proved, TimeUp

SIGNING = Place("a1", "agreement")


def about(events: Sequence[Event], place: Place) -> list[Event]:
    told = (Challenge, Checkpoint, Override)
    return [e for e in events if isinstance(e, told) and (e.application_id, e.step) == place[:2]]


def line(event: Event) -> tuple[str, str | None, int | None]:
    match event:
        case Challenge():
            return "challenge", event.outcome, event.attempt
        case Override():
            return "override", event.decision, event.attempt
        case _:
            assert isinstance(event, Checkpoint)
            return "checkpoint", None, event.attempt


@pytest.fixture
def drawn(counter: Counter) -> Counter:
    """A draw awaits its verdict."""
    counter.at_the_line().draw()
    return counter


def test_a_proof_names_the_attempt_that_wanted_it_and_stands_before_the_next_one(drawn: Counter) -> None:
    for fact in (Proved(), ProofFailed()):
        drawn.answer(decision="step_up")
        drawn.office.happen(DRAW, fact)
    assert [line(event) for event in about(drawn.events(), DRAW)] == [
        ("checkpoint", None, 1),
        ("challenge", "issued", 1),
        ("challenge", "passed", 1),
        ("checkpoint", None, 2),
        ("challenge", "issued", 2),
        ("challenge", "failed", 2),
    ]


def test_a_proof_that_a_step_wants_by_itself_is_about_no_attempt_yet(counter: Counter) -> None:
    counter.at_the_line()
    assert [line(event) for event in about(counter.events(), SIGNING)] == [
        ("challenge", "issued", None),
        ("challenge", "passed", None),
        ("checkpoint", None, 1),
    ]


def test_what_people_decide_names_the_attempt_that_they_looked_at(drawn: Counter) -> None:
    drawn.answer(decision="review")
    drawn.office.vote(DRAW, "ann", "analyst", "allow")
    drawn.answer(decision="review")
    drawn.office.vote(DRAW, "bob", "analyst", "block")
    drawn.office.appeal(DRAW)
    drawn.office.vote(DRAW, "cyd", "analyst", "allow")
    drawn.office.vote(DRAW, "dan", "approver", "allow")
    assert [line(event) for event in about(drawn.events(), DRAW)] == [
        ("checkpoint", None, 1),
        ("override", "allow", 1),
        ("checkpoint", None, 2),
        ("override", "block", 2),
        ("override", "allow", 2),
        ("checkpoint", None, 3),
    ]
    assert ids_are_distinct(drawn)


def test_no_two_events_share_an_id_however_often_a_gate_is_proved(drawn: Counter) -> None:
    for fact in (TimeUp(), ProofFailed(), Proved()):
        if drawn.gate().state == "waiting":
            drawn.draw()
        drawn.answer(decision="step_up")
        drawn.office.happen(DRAW, fact)
    drawn.draw("1.00", DRAW._replace(draw_id="w2"))
    assert len([e for e in about(drawn.events(), DRAW) if isinstance(e, Challenge)]) == 5
    assert ids_are_distinct(drawn)


def ids_are_distinct(counter: Counter) -> bool:
    ids = [event.event_id for event in counter.events()]
    return len(set(ids)) == len(ids)
