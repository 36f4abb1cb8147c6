"""The workflow as a table: what a gate does with each fact, in each state. The first row that fits is taken.

A fact for which a state has no row changes nothing: `NotNow`. `docs/workflow.md` is drawn from this table.
"""

from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace

from menshen.contract.onboarding import State
from menshen.loan import effects as do
from menshen.loan.commands import Command
from menshen.loan.effects import Done, Moment
from menshen.loan.gate import (
    Advanced,
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
from menshen.loan.policy import LoanPolicy, Silence

Guard = Callable[[Moment], bool]
Effect = Callable[[Moment], Done]


class NotNow(Exception):
    """In this state the fact has no place. Nothing was changed; look at the state before asking again."""

    def __init__(self, gate: Gate, fact: Fact) -> None:
        super().__init__(f"{gate.step} is {gate.state}: {type(fact).__name__} has no place there")
        self.gate, self.state = gate, gate.state


class AttemptsUsedUp(NotNow):
    """The customer has asked as often as a day allows."""


def always(_: Moment) -> bool:
    """in any case"""
    return True


def used_up(m: Moment) -> bool:
    """the day's attempts are used up"""
    return attempts_left(m.gate, m.now_ms, m.policy.attempts_a_day) == 0


def proofs_wanted(m: Moment) -> bool:
    """the step wants proofs by itself"""
    return bool(m.rules.proofs)


def more_proofs_wanted(m: Moment) -> bool:
    """another proof is wanted"""
    return any(method != m.gate.proof for method in m.gate.proofs)


def allowed(m: Moment) -> bool:
    """allow"""
    return bool(m.fact.decision == "allow")


def step_up(m: Moment) -> bool:
    """step_up"""
    return bool(m.fact.decision == "step_up")


def to_review(m: Moment) -> bool:
    """review"""
    return bool(m.fact.decision == "review")


def blocked(m: Moment) -> bool:
    """block"""
    return bool(m.fact.decision == "block")


def fresh(m: Moment) -> bool:
    """the allow has not expired"""
    return m.gate.expires_ms is not None and m.now_ms < m.gate.expires_ms


def never_asked(m: Moment) -> bool:
    """nobody was ever asked about it"""
    return m.gate.attempt == 0


def doubted(m: Moment) -> bool:
    """the allow was revoked meanwhile"""
    return m.gate.doubted


def silence_means(what: Silence) -> Guard:
    """Return the guard that asks what the absence of a verdict means at this step."""

    def guard(m: Moment) -> bool:
        return m.rules.silence == what

    guard.__doc__ = f"silence means {what}"
    return guard


class Row(NamedTuple):
    """In these states, on this fact, if `when`: go to `then` and `do` this, in order."""

    states: tuple[State, ...]
    fact: type[Fact]
    then: State | None
    when: Guard = always
    do: tuple[Effect, ...] = ()


REFUSES: State | None = None
"""A row that goes nowhere: the fact is refused, and the refusal says that the attempts are used up."""

TABLE: tuple[Row, ...] = (
    # The customer comes.
    Row(("waiting", "provisional", "parked"), Advanced, REFUSES, used_up),
    Row(("waiting",), Advanced, "proving", proofs_wanted, (do.note_visit, do.challenge)),
    Row(("waiting", "provisional", "parked"), Advanced, "asked", do=(do.note_visit, do.ask)),
    Row(("waiting",), Declined, "refused", do=(do.refuse_as_declined,)),
    # A challenge is out.
    Row(("proving",), Proved, "proving", more_proofs_wanted, (do.tell_passed, do.challenge)),
    Row(("proving",), Proved, "waiting", used_up, (do.tell_passed,)),
    Row(("proving",), Proved, "asked", do=(do.tell_passed, do.ask)),
    Row(("proving",), ProofFailed, "waiting", do=(do.tell_failed,)),
    Row(("proving",), TimeUp, "waiting", do=(do.drop_proof,)),
    # The verdict.
    Row(("asked",), Answered, "open", allowed, (do.keep_allow, do.pay)),
    Row(("asked",), Answered, "proving", step_up, (do.challenge_named,)),
    Row(("asked",), Answered, "review", to_review, (do.queue,)),
    Row(("asked",), Answered, "refused", blocked, (do.refuse_for_fraud,)),
    # The verdict, late.
    Row(("provisional", "parked"), Answered, "open", allowed, (do.keep_allow, do.pay)),
    Row(("provisional", "parked"), Answered, "proving", step_up, (do.challenge_named,)),
    Row(("provisional", "parked"), Answered, "review", to_review, (do.queue,)),
    Row(("provisional", "parked"), Answered, "refused", blocked, (do.refuse_for_fraud,)),
    Row(("review",), Answered, "open", allowed, (do.unqueue, do.keep_allow, do.pay)),
    Row(("review",), Answered, "proving", step_up, (do.unqueue, do.challenge_named)),
    Row(("review",), Answered, "review", to_review, (do.drop_retry,)),
    Row(("review",), Answered, "refused", blocked, (do.unqueue, do.refuse_for_fraud)),
    # No verdict.
    Row(("asked",), TimeUp, "provisional", silence_means("provisional"), (do.uncount, do.retry_later)),
    Row(("asked",), TimeUp, "proving", silence_means("prove"), (do.uncount, do.challenge_for_silence)),
    Row(("asked",), TimeUp, "review", silence_means("review"), (do.uncount, do.queue, do.retry_later)),
    Row(("asked",), TimeUp, "parked", silence_means("park"), (do.uncount,)),
    Row(("provisional",), RetryDue, "asked", do=(do.ask_again,)),
    Row(("review",), RetryDue, "asked", do=(do.unqueue, do.ask_again)),
    # People.
    Row(("review",), Lifted, "asked", do=(do.unqueue, do.tell_allow, do.ask_for_people)),
    Row(("review",), Upheld, "refused", do=(do.unqueue, do.tell_block, do.refuse_for_fraud)),
    Row(("review",), TimeUp, "waiting", do=(do.unqueue, do.alert_lapsed)),
    Row(("refused",), Appealed, "appeal", do=(do.queue_for_two,)),
    Row(("appeal",), Lifted, "waiting", never_asked, (do.unqueue, do.pardon)),
    Row(("appeal",), Lifted, "asked", do=(do.unqueue, do.tell_allow, do.pardon, do.ask_for_people)),
    Row(("appeal",), Upheld, "refused", never_asked, (do.unqueue,)),
    Row(("appeal",), Upheld, "refused", do=(do.unqueue, do.tell_block)),
    Row(("appeal",), TimeUp, "appeal", do=(do.alert_overdue,)),
    # It takes effect.
    Row(("open",), BuiltUpon, "done"),
    Row(("open",), SendingBegan, "sending", fresh),
    Row(("open",), SendingBegan, "waiting", do=(do.drop_allow,)),
    Row(("sending",), Executed, "done", doubted, (do.recall,)),
    Row(("sending",), Executed, "done"),
    Row(("sending",), Voided, "failed", do=(do.drop_allow,)),
    Row(("sending",), BankRefused, "failed", do=(do.drop_allow, do.alert_bank)),
    Row(("done",), Repaid, "repaid"),
    # It is taken back.
    Row(("open",), Revoked, "waiting", do=(do.drop_allow,)),
    Row(("sending",), Revoked, "sending", do=(do.doubt,)),
    Row(("done",), Revoked, "done", do=(do.recall,)),
)


class Outcome(NamedTuple):
    """The gate as it is now, and what is to be done."""

    gate: Gate
    commands: tuple[Command, ...]


def follow(gate: Gate, fact: Fact, now_ms: int, policy: LoanPolicy) -> Outcome:
    """Return what becomes of a gate.

    Raises
    ------
    AttemptsUsedUp
        The customer has asked too often today; the gate stays as it is.
    NotNow
        The state has no row for this fact.
    """
    moment = Moment(gate, fact, now_ms, policy)
    for row in TABLE:
        if gate.state in row.states and isinstance(fact, row.fact) and row.when(moment):
            return _taken(row, moment)
    raise NotNow(gate, fact)


def _taken(row: Row, moment: Moment) -> Outcome:
    gate, commands = moment.gate, list[Command]()
    if row.then is None:
        raise AttemptsUsedUp(gate, moment.fact)
    if row.then != gate.state:
        gate = replace(gate, due_ms=None, retry_ms=None)
    for effect in row.do:
        gate, caused = effect(moment._replace(gate=gate))
        commands.extend(caused)
    return Outcome(replace(gate, state=row.then), tuple(commands))
