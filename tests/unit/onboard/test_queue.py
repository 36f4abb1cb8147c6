"""The queue of people: who may decide what, and how many it takes."""

import pytest
from tests.gate.office import Place
from tests.unit.onboard.counter import DRAW, Counter

from menshen.loan.gate import Lifted, Upheld
from menshen.onboard.sql import queue
from menshen.onboard.sql.queue import Closed, Review, Vote
from menshen.onboard.sql.store import Unknown
from menshen.onboard.sql.tables import votes


@pytest.fixture
def reviewed(counter: Counter) -> Counter:
    """A draw waits for one person."""
    counter.at_the_line().draw()
    counter.answer(decision="review")
    return counter


@pytest.fixture
def appealed(counter: Counter) -> Counter:
    """The refusal of a draw waits for two people."""
    counter.at_the_line().draw()
    counter.answer(decision="block")
    counter.office.appeal(DRAW)
    return counter


def entries(counter: Counter, *, open_only: bool = True) -> list[Review]:
    return counter.office.database.read(lambda c: queue.entries(c, open_only=open_only, most=100))


def cast(counter: Counter, operator: str, role: str, decision: queue.Say) -> Lifted | Upheld | None:
    (entry,) = entries(counter)
    vote = Vote(operator, role, decision, f"{operator} said so", counter.office.clock.now_ms)
    return counter.office.do(lambda c, _: queue.cast(c, entry, vote))


def test_an_entry_names_the_question_whose_verdict_is_looked_at(reviewed: Counter) -> None:
    (entry,) = entries(reviewed)
    assert (entry.event_id, entry.n_people, entry.step) == (reviewed.question().event_id, 1, "fund_transfer")
    assert entry.due_ms == reviewed.gate().due_ms


def test_one_analyst_lets_a_review_go_on(reviewed: Counter) -> None:
    assert cast(reviewed, "ann", "analyst", "allow") == Lifted(("ann",), "ann said so")


@pytest.mark.parametrize("which", ["reviewed", "appealed"])
def test_one_person_keeps_it_shut(which: str, request: pytest.FixtureRequest) -> None:
    assert cast(request.getfixturevalue(which), "ann", "analyst", "block") == Upheld(("ann",), "ann said so")


def test_an_appeal_takes_two_people_and_one_of_them_an_approver(appealed: Counter) -> None:
    assert cast(appealed, "ann", "analyst", "allow") is None
    assert cast(appealed, "cyd", "analyst", "allow") is None
    assert cast(appealed, "bob", "approver", "allow") == Lifted(("ann", "cyd", "bob"), "bob said so")


def test_an_approver_alone_does_not_lift_an_appeal(appealed: Counter) -> None:
    assert cast(appealed, "bob", "approver", "allow") is None
    assert cast(appealed, "ann", "analyst", "allow") == Lifted(("bob", "ann"), "ann said so")


def test_nobody_has_a_say_twice(appealed: Counter) -> None:
    cast(appealed, "bob", "approver", "allow")
    for decision in ("allow", "block"):
        with pytest.raises(Closed, match="bob has had a say already"):
            cast(appealed, "bob", "approver", decision)
    assert len(appealed.rows(votes)) == 1


def test_no_more_people_are_named_than_an_event_has_room_for(appealed: Counter) -> None:
    for n in range(5):
        cast(appealed, f"analyst{n}", "analyst", "allow")
    decided = cast(appealed, "bob", "approver", "allow")
    assert decided is not None
    assert decided.operators == ("analyst2", "analyst3", "analyst4", "bob")


def test_a_closed_entry_takes_no_vote(reviewed: Counter) -> None:
    (entry,) = entries(reviewed)
    reviewed.office.vote(DRAW, "ann", "analyst", "allow")
    assert entries(reviewed) == []
    (closed,) = entries(reviewed, open_only=False)
    assert (closed.review_id, closed.outcome) == (entry.review_id, "Lifted")
    vote = Vote("bob", "approver", "block", "too late", reviewed.office.clock.now_ms)
    with pytest.raises(Closed, match="is closed"):
        reviewed.office.do(lambda c, _: queue.cast(c, closed, vote))


def test_the_votes_are_kept_in_their_order(appealed: Counter) -> None:
    (entry,) = entries(appealed)
    appealed.office.vote(DRAW, "zoe", "analyst", "allow")
    appealed.office.vote(DRAW, "bob", "approver", "allow")
    said = appealed.office.database.read(lambda c: queue.votes_on(c, entry.review_id))
    assert [(vote.operator, vote.role, vote.decision) for vote in said] == [
        ("zoe", "analyst", "allow"),
        ("bob", "approver", "allow"),
    ]


def test_each_time_a_gate_comes_into_the_queue_is_an_entry_of_its_own(reviewed: Counter) -> None:
    reviewed.office.vote(DRAW, "ann", "analyst", "allow")
    reviewed.answer(decision="review")
    first, second = sorted(entries(reviewed, open_only=False), key=lambda entry: entry.opened_ms)
    assert (first.closed_ms is None, second.closed_ms is None) == (False, True)
    assert (second.event_id, first.review_id != second.review_id) == (reviewed.question().event_id, True)


def test_the_most_urgent_comes_first(reviewed: Counter) -> None:
    other = Place("a1", "fund_transfer", "w2")
    reviewed.draw("10.00", other)
    reviewed.answer(other, "block")
    reviewed.office.appeal(other)
    third = Place("a1", "fund_transfer", "w3")
    reviewed.draw("10.00", third)
    reviewed.answer(third, "review")
    assert [entry.n_people for entry in entries(reviewed)] == [1, 1, 2]
    assert [entry.due_ms for entry in entries(reviewed)] == sorted(entry.due_ms for entry in entries(reviewed))


def test_there_is_no_entry_of_that_name(counter: Counter) -> None:
    with pytest.raises(Unknown, match="'r1'"):
        counter.office.do(lambda c, _: queue.review(c, "r1"))
