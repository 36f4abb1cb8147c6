"""What holds on every way through the table: found by search, and by chance."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.loan.paths import ALLOW, EVERY_STEP, Taken, facts_at, fresh, row_for, ways
from tests.unit.loan.story import NOON_MS, POLICY, of_kind

from menshen.contract.events import Step
from menshen.contract.onboarding import State
from menshen.loan.commands import Ask, Challenge, Pay, Queue, Refuse, Unqueue
from menshen.loan.gate import DAY_MS, Advanced, Answered, Fact, Gate, Proved, RetryDue, TimeUp, attempts_left
from menshen.loan.path import MEANING, STEPS, TRANSFER
from menshen.loan.workflow import TABLE, Row, follow

STATES: tuple[State, ...] = get_args(State)
FINAL = {"repaid", "failed"}
MONEY = {"open", "sending", "done", "repaid", "failed"}


def has_row(state: State, fact: type[Fact]) -> bool:
    return any(state in row.states and row.fact is fact for row in TABLE)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{'-'.join(row.states)}:{row.fact.__name__}:{row.then}")
def test_every_row_is_on_some_way(row: Row) -> None:
    assert any(taken.row is row for taken in EVERY_STEP)


@pytest.mark.parametrize("state", STATES)
def test_every_state_is_reached_has_a_meaning_and_a_way_out_unless_it_is_an_end(state: State) -> None:
    assert state in MEANING
    assert state == "waiting" or any(taken.outcome.gate.state == state for taken in EVERY_STEP)
    exits = {row.then for row in TABLE if state in row.states} - {state, None}
    assert bool(exits) == (state not in FINAL)


@pytest.mark.parametrize("step", STEPS)
def test_nothing_opens_without_an_allow(step: Step) -> None:
    def anything_else(fact: Fact) -> bool:
        return not (isinstance(fact, Answered) and fact.decision == ALLOW)

    reached = {taken.outcome.gate.state for taken in ways(step, may=anything_else)}
    assert {"asked", "refused", "appeal"} < reached
    assert not reached & MONEY


def test_a_draw_is_paid_from_open_alone_and_open_comes_of_an_allow_alone() -> None:
    """By the rows themselves, whatever a guard says."""
    into = {state: [row for row in TABLE if row.then == state and row.states != (state,)] for state in STATES}
    assert {row.fact for row in into["open"]} == {Answered}
    assert {row.when.__doc__ for row in into["open"]} == {ALLOW}
    assert {state for row in into["sending"] for state in row.states} == {"open"}
    assert {state for row in into["done"] for state in row.states} == {"open", "sending"}


@pytest.mark.parametrize("step", STEPS)
def test_a_step_of_any_way_keeps_what_holds_of_every_gate(step: Step) -> None:
    for taken in EVERY_STEP:
        if taken.was.step == step and taken.row.then:
            check_step(taken)


def check_step(taken: Taken) -> None:
    was, gate, commands = taken.was, taken.outcome.gate, taken.outcome.commands
    check_gate(gate)
    assert [Ask()] * (gate.attempt - was.attempt) == of_kind(commands, Ask)
    assert len(of_kind(commands, Challenge)) == gate.n_challenges - was.n_challenges
    assert (gate.state == "asked") >= (gate.attempt > was.attempt)
    assert bool(of_kind(commands, Pay)) == (gate.is_transfer and gate.state == "open")
    assert not (gate.is_transfer and of_kind(commands, Refuse))
    was_queued, is_queued = (state in ("review", "appeal") for state in (was.state, gate.state))
    assert bool(of_kind(commands, Queue)) == (is_queued and not was_queued)
    assert bool(of_kind(commands, Unqueue)) == (was_queued and not is_queued)


def check_gate(gate: Gate) -> None:
    assert (gate.due_ms is not None) == has_row(gate.state, TimeUp)
    assert gate.retry_ms is None or has_row(gate.state, RetryDue)
    assert (gate.proof is not None) == (gate.state == "proving")
    assert (gate.verdict_id is not None) == (gate.state in MONEY - {"failed"})
    assert (gate.expires_ms is not None) == (gate.verdict_id is not None)
    assert gate.visit is not None or gate.state in ("waiting", "refused", "appeal")
    assert len(gate.asked_ms) <= POLICY.attempts_a_day


class Counted:
    """When the customer's own attempts were asked, counted anew: what nobody answered does not count."""

    def __init__(self) -> None:
        self.asked_ms: list[int] = []
        self._newest_is_own = False

    def see(self, taken: Taken) -> None:
        if of_kind(taken.outcome.commands, Ask):
            own = isinstance(taken.fact, Advanced | Proved)
            self._newest_is_own = own or (isinstance(taken.fact, RetryDue) and self._newest_is_own)
            self.asked_ms += [taken.now_ms] * self._newest_is_own
        elif taken.was.state == "asked" and isinstance(taken.fact, TimeUp) and self._newest_is_own:
            self.asked_ms.pop()

    def within_a_day(self, now_ms: int) -> int:
        return sum(now_ms - asked_ms < DAY_MS for asked_ms in self.asked_ms)


CHOICES = st.lists(st.tuples(st.integers(0, 99), st.sampled_from([1, 900, 130_000, 40_000_000])), max_size=60)


@pytest.mark.parametrize("step", STEPS)
@given(choices=CHOICES)
def test_any_walk_keeps_what_holds_and_asks_three_times_a_day_at_most(step: Step, choices: Any) -> None:
    gate, now_ms, counted = fresh(step), NOON_MS, Counted()
    for choice, pause_ms in choices:
        now_ms += pause_ms
        fitting = [(f, row) for f in facts_at(gate, now_ms) if (row := row_for(gate, f, now_ms)) and row.then]
        if not fitting:
            break
        fact, row = fitting[choice % len(fitting)]
        taken = Taken(gate, fact, row, follow(gate, fact, now_ms, POLICY), now_ms)
        check_step(taken)
        counted.see(taken)
        gate = taken.outcome.gate
        n_asked = counted.within_a_day(now_ms)
        assert n_asked <= POLICY.attempts_a_day
        assert attempts_left(gate, now_ms, POLICY.attempts_a_day) == POLICY.attempts_a_day - n_asked


def test_the_search_is_worth_something() -> None:
    assert len(EVERY_STEP) > 1000
    assert {taken.was.step for taken in EVERY_STEP} == {*STEPS}
    assert any(taken.was.step == TRANSFER and taken.was.doubted for taken in EVERY_STEP)
