"""What a row of the workflow does beside changing the state: small changes of the gate, and commands."""

from typing import Any, NamedTuple

from msgspec.structs import replace

from menshen.loan.commands import (
    Alert,
    Ask,
    Challenge,
    Command,
    Pardon,
    Pay,
    Queue,
    Refuse,
    TellDecision,
    TellProof,
    Unqueue,
)
from menshen.loan.gate import DAY_MS, Gate
from menshen.loan.policy import LoanPolicy, StepRules
from menshen.loan.refusal import waits_until_ms

MOST_RETRIED = 100
"""From this attempt on a gate that nobody answers is left for somebody to ask; the wire has room for 1000."""


class Moment(NamedTuple):
    """What a gate, a fact, the time and the policy make together."""

    gate: Gate
    fact: Any
    now_ms: int
    policy: LoanPolicy

    @property
    def rules(self) -> StepRules:
        """The rules of the gate's step."""
        return self.policy.at(self.gate.step)


Done = tuple[Gate, tuple[Command, ...]]


def note_visit(m: Moment) -> Done:
    """remember who asks, for what, and which proofs the step wants by itself"""
    came = {"visit": m.fact.visit, "proofs": m.rules.proofs, "signature_sha256": m.fact.signature_sha256}
    if not m.gate.is_transfer:  # a draw is about the same money from its beginning to its end
        came |= {"amount": m.fact.amount, "currency": m.fact.currency}
    return replace(m.gate, **came), ()


def challenge(m: Moment) -> Done:
    """issue the next challenge"""
    return _challenge(m, m.gate.proofs[0])


def challenge_named(m: Moment) -> Done:
    """issue the challenge that the verdict names"""
    return _challenge(m, m.fact.challenge or m.rules.silence_proof)


def challenge_for_silence(m: Moment) -> Done:
    """issue the challenge that stands in for a verdict"""
    return _challenge(m, m.rules.silence_proof)


def _challenge(m: Moment, method: Any) -> Done:
    number = m.gate.n_challenges + 1
    due_ms = m.now_ms + m.policy.challenge_lasts_s * 1000
    return replace(m.gate, proof=method, n_challenges=number, due_ms=due_ms), (Challenge(method, number),)


def tell_passed(m: Moment) -> Done:
    """publish that the challenge was passed"""
    assert m.gate.proof is not None, "a gate in `proving` has a proof that is out"
    left = tuple(method for method in m.gate.proofs if method != m.gate.proof)
    return replace(m.gate, proof=None, proofs=left), (
        TellProof(m.gate.proof, "passed", m.gate.n_challenges, m.gate.attempt),
    )


def tell_failed(m: Moment) -> Done:
    """publish that the challenge was failed"""
    assert m.gate.proof is not None, "a gate in `proving` has a proof that is out"
    return replace(m.gate, proof=None), (TellProof(m.gate.proof, "failed", m.gate.n_challenges, m.gate.attempt),)


def drop_proof(m: Moment) -> Done:
    """let go of the challenge: no answer is no proof, and no guilt either"""
    return replace(m.gate, proof=None), ()


def ask(m: Moment) -> Done:
    """ask detect; this is the next attempt"""
    recent = tuple(asked_ms for asked_ms in m.gate.asked_ms if m.now_ms - asked_ms < DAY_MS)
    return _ask(m, (*recent, m.now_ms), counted=True)


def ask_for_people(m: Moment) -> Done:
    """ask detect, on people's behalf: the next attempt, which does not count against the customer's own"""
    return _ask(m, m.gate.asked_ms, counted=False)


def ask_again(m: Moment) -> Done:
    """ask detect once more: the next attempt, which counts as the one did that nobody answered"""
    return ask(m) if m.gate.counted else ask_for_people(m)


def _ask(m: Moment, asked_ms: tuple[int, ...], *, counted: bool) -> Done:
    attempt, due_ms = m.gate.attempt + 1, m.now_ms + m.rules.deadline_ms
    asked = replace(m.gate, attempt=attempt, asked_ms=asked_ms, counted=counted, due_ms=due_ms, proofs=())
    return replace(asked, verdict_id=None), (Ask(),)


def uncount(m: Moment) -> Done:
    """not count the attempt: nobody answered it"""
    return replace(m.gate, asked_ms=m.gate.asked_ms[:-1]) if m.gate.counted else m.gate, ()


def drop_retry(m: Moment) -> Done:
    """not be asked again by itself: it has been answered"""
    return replace(m.gate, retry_ms=None), ()


def retry_later(m: Moment) -> Done:
    """be asked again by itself after a while, if the policy says so, though not for ever"""
    retry_s = m.rules.retry_s if m.gate.attempt < MOST_RETRIED else None
    return replace(m.gate, retry_ms=None if retry_s is None else m.now_ms + retry_s * 1000), ()


def keep_allow(m: Moment) -> Done:
    """hold the allow, until it is used, expires or is revoked"""
    return replace(m.gate, verdict_id=m.fact.verdict_id, expires_ms=m.fact.expires_ms), ()


def drop_allow(m: Moment) -> Done:
    """let go of the allow: it opens nothing any more"""
    return replace(m.gate, verdict_id=None, expires_ms=None, doubted=False), ()


def pay(m: Moment) -> Done:
    """tell the bank, if this is a draw"""
    return m.gate, (Pay(),) if m.gate.is_transfer else ()


def doubt(m: Moment) -> Done:
    """have the bank void the payment, if it can still"""
    return replace(m.gate, doubted=True), ()


def queue(m: Moment) -> Done:
    """put it into the queue, for one person"""
    due_ms = m.now_ms + m.policy.review_lasts_s * 1000
    return replace(m.gate, due_ms=due_ms), (Queue(1, due_ms),)


def queue_for_two(m: Moment) -> Done:
    """put it into the queue, for two people"""
    due_ms = m.now_ms + m.policy.appeal_lasts_s * 1000
    return replace(m.gate, due_ms=due_ms), (Queue(2, due_ms),)


def unqueue(m: Moment) -> Done:
    """take it out of the queue"""
    return m.gate, (Unqueue(),)


def tell_allow(m: Moment) -> Done:
    """publish that people let it go on"""
    return m.gate, (TellDecision(m.gate.attempt, "allow", m.fact.operators, m.fact.note),)


def tell_block(m: Moment) -> Done:
    """publish that a person keeps it shut"""
    return m.gate, (TellDecision(m.gate.attempt, "block", m.fact.operators, m.fact.note),)


def refuse_for_fraud(m: Moment) -> Done:
    """let the waiting time after a fraud run, unless this is a draw"""
    return _refuse(m, "fraud")


def refuse_as_declined(m: Moment) -> Done:
    """let the waiting time of the lender's reason run"""
    return _refuse(m, m.fact.kind)


def _refuse(m: Moment, kind: Any) -> Done:
    if m.gate.is_transfer:
        return m.gate, ()
    return m.gate, (Refuse(kind, waits_until_ms(kind, m.now_ms, m.policy.refusal)),)


def pardon(m: Moment) -> Done:
    """take the waiting time back"""
    return m.gate, () if m.gate.is_transfer else (Pardon(),)


def recall(m: Moment) -> Done:
    """raise the alert that something allowed has taken effect and is doubted now"""
    return m.gate, (Alert("RECALL"),)


def alert_lapsed(m: Moment) -> Done:
    """raise the alert that nobody looked in time"""
    return m.gate, (Alert("REVIEW_LAPSED"),)


def alert_overdue(m: Moment) -> Done:
    """raise the alert that an appeal waits for too long, and give it as long again"""
    due_ms = m.now_ms + m.policy.appeal_lasts_s * 1000
    return replace(m.gate, due_ms=due_ms), (Alert("APPEAL_OVERDUE"),)


def alert_bank(m: Moment) -> Done:
    """raise the alert that the bank refused"""
    return m.gate, (Alert("BANK_REFUSED"),)
