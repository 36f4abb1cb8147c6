"""Every way through the table: a search from a gate to which nobody has come yet, by all that can happen to it."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple, get_args

from tests.unit.loan.story import ALLOW_LASTS_MS, COMES, NOON_MS, POLICY, draw_gate, step_gate

from menshen.contract.events import Step
from menshen.contract.verdict import Decision
from menshen.loan.effects import Moment
from menshen.loan.gate import (
    Answered,
    Appealed,
    BankRefused,
    BuiltUpon,
    Declined,
    Executed,
    Fact,
    Gate,
    Lifted,
    ProofFailed,
    Proved,
    Repaid,
    RetryDue,
    Revoked,
    SendingBegan,
    TimeUp,
    Upheld,
    Voided,
    attempts_left,
)
from menshen.loan.path import STEPS, TRANSFER
from menshen.loan.workflow import TABLE, NotNow, Outcome, Row, follow

OF_A_TRANSFER = (SendingBegan(), Executed(), BankRefused("no"), Voided(), Repaid())
OF_A_STEP = (BuiltUpon(),)
OF_BOTH = (
    COMES,
    Proved(),
    ProofFailed(),
    Revoked(),
    Lifted(("ann", "bob"), ""),
    Upheld(("ann",), ""),
    Declined("credit"),
    Appealed(),
)
ALLOW: Decision = "allow"


class Taken(NamedTuple):
    """One step of a way: from where, by what and when, along which row, to where."""

    was: Gate
    fact: Fact
    row: Row
    outcome: Outcome
    now_ms: int


def row_for(gate: Gate, fact: Fact, now_ms: int) -> Row | None:
    """Return the row that a fact takes, by the table's own rule: the first one that fits."""
    moment = Moment(gate, fact, now_ms, POLICY)
    fits = (row for row in TABLE if gate.state in row.states and isinstance(fact, row.fact) and row.when(moment))
    return next(fits, None)


def fresh(step: Step) -> Gate:
    """A gate of a step to which nobody has come yet."""
    return draw_gate() if step == TRANSFER else step_gate(step)


def facts_at(gate: Gate, now_ms: int) -> Iterator[Fact]:
    """Yield all that can happen to a gate: timers only where one runs, the bank's word only to a draw."""
    yield from OF_BOTH
    yield from OF_A_TRANSFER if gate.is_transfer else OF_A_STEP
    for decision in get_args(Decision):
        yield Answered(decision, f"verdict-{gate.attempt}-{decision}", now_ms + ALLOW_LASTS_MS)
    if gate.due_ms is not None:
        yield TimeUp()
    if gate.retry_ms is not None:
        yield RetryDue()


def ways(step: Step, *, may: Callable[[Fact], bool] = lambda _: True) -> Iterator[Taken]:
    """Yield each step of every way from the beginning, as far as gates differ in what the table looks at."""
    seen, queue = set[object](), deque([(fresh(step), NOON_MS)])
    while queue:
        gate, then_ms = queue.popleft()
        for now_ms in (then_ms + 1, then_ms + ALLOW_LASTS_MS + 1):
            for taken in _steps(gate, now_ms, may):
                yield taken
                if (kind := _kind(taken.outcome.gate, now_ms)) not in seen:
                    seen.add(kind)
                    queue.append((taken.outcome.gate, now_ms))


def _steps(gate: Gate, now_ms: int, may: Callable[[Fact], bool]) -> Iterator[Taken]:
    for fact in facts_at(gate, now_ms):
        row = row_for(gate, fact, now_ms)
        if row is None or not may(fact):
            continue
        try:
            outcome = follow(gate, fact, now_ms, POLICY)
        except NotNow:  # a row that goes nowhere
            outcome = Outcome(gate, ())
        yield Taken(gate, fact, row, outcome, now_ms)


def _kind(gate: Gate, now_ms: int) -> object:
    left, timers = attempts_left(gate, now_ms, POLICY.attempts_a_day), (gate.due_ms is None, gate.retry_ms is None)
    return gate.state, left, gate.counted, gate.proofs, gate.proof, gate.doubted, gate.verdict_id is None, timers


EVERY_STEP = tuple(taken for step in STEPS for taken in ways(step))
