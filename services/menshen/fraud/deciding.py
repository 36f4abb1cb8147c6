"""From the reasons to a verdict: the decision at one point of one product's path, bound to exactly what was asked."""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple, get_args

from msgspec import Struct

from menshen.contract.assessment import Reason, Versions
from menshen.contract.events import Checkpoint, Event, Login, Override, Step
from menshen.contract.identifiers import record_id
from menshen.contract.verdict import SEVERITY, Decision, Verdict
from menshen.fraud.detector import Finding
from menshen.fraud.policy import DecisionPoint, Policy, gravest, total_of
from menshen.fraud.scoring import score_of
from menshen.fraud.sighting import Sighting
from menshen.fraud.subject import Attempt, OpenAllow, Seen, Visit
from menshen.fraud.tagging import tag
from menshen.fraud.visits import sources_named

MAX_REASONS = 8
MAX_ATTEMPTS = 8
MAX_ALLOWS = 3
ASSURANCE = "assurance"
"""Named as missing where nobody vouches for the person at a checkpoint."""
_STEPS: tuple[Step, ...] = get_args(Step)
_DECISION_POINTS = frozenset({Login, Checkpoint})
_remembered_of = attrgetter(*OpenAllow.__struct_fields__[1:-1])
"""What an open allow has from its verdict: all but the packed id, and what people saw."""


class Case(Struct, frozen=True, gc=False):
    """What stands against (or for) the subject at a decision: the findings that weigh, and what they amount to.

    `exceeded` is what the limits that the amount exceeds ask for.
    """

    findings: tuple[Finding, ...]
    reasons: tuple[Reason, ...]
    missing: tuple[str, ...] = ()
    degraded: bool = False
    exceeded: Decision = "allow"


def missing_of(event: Event, visit: Visit, point: DecisionPoint) -> tuple[str, ...]:
    """Return the expected sources of which the visit has sent no alternative, and whether anybody vouches at all."""
    unseen = tuple([expected for expected in point.expects if not visit.seen & sources_named(expected)])
    unvouched = type(event) is Checkpoint and event.assurance == "claimed"
    return (ASSURANCE, *unseen) if unvouched else unseen


def decide(case: Case, point: DecisionPoint, policy: Policy, amount: str | None = None) -> Decision:
    """Return the decision: by score, at least each floor, at least what missing evidence and exceeded limits ask for.

    A checkpoint that nobody vouches for asks for one more proof, however clean: an allow is for a person. While a part
    is out of order nobody is blocked: the gravest decision is then a review.
    """
    by_score = point.thresholds_for(amount).decision(score_of(case.reasons))
    asked_for = [by_score, case.exceeded]
    if case.missing:
        asked_for += ["step_up" if each == ASSURANCE else point.when_missing for each in case.missing]
    if case.findings:
        asked_for += _floors(case.findings, policy)
    decision = gravest(*asked_for)
    return "review" if case.degraded and decision == "block" else decision


def _floors(findings: Sequence[Finding], policy: Policy) -> list[Decision]:
    return [
        floor.decision
        for finding in findings
        for floor in policy.floors
        if finding.code == floor.code and finding.doubt_pm >= floor.from_doubt_pm
    ]


def amount_of(event: Event) -> str | None:
    """Return the amount that bands look at: with what went out within a day, lest many draws pass for small ones."""
    if type(event) is not Checkpoint or event.amount is None:
        return None
    return str(total_of(event, "person", "day"))


def attempt_key(question: Checkpoint | Override) -> bytes:
    """Return the tag of one attempt at one step (of one draw) of an application."""
    return tag("\n".join((question.application_id, question.step, str(question.attempt), question.draw_id or "")))


def within_attempt(attempts: Iterable[Attempt], key: bytes, decision: Decision) -> Decision:
    """Return the decision, or the graver one that this attempt has met before."""
    met = [attempt.decision for attempt in attempts if attempt.key == key]
    return gravest(decision, *met) if met else decision


def with_attempt(attempts: tuple[Attempt, ...], fresh: Attempt, *, claimed: bool) -> tuple[Attempt, ...]:
    """Remember the decision of an attempt; the oldest beyond the window give way, but not to a mere claim.

    An allow needs no memory, since every decision is at least as grave.
    """
    if fresh.decision == "allow":
        return attempts
    others = [attempt for attempt in attempts if attempt.key != fresh.key]
    if claimed and len(others) >= MAX_ATTEMPTS:
        return attempts
    before = next((attempt.codes for attempt in attempts if attempt.key == fresh.key), 0)
    return (*others, Attempt(fresh.key, fresh.decision, before | fresh.codes))[-MAX_ATTEMPTS:]


class Author(NamedTuple):
    """Who writes verdicts: the tenant, whose name is part of every id, and what judged."""

    tenant: str
    versions: Versions


def answer(sighting: Sighting, case: Case, decision: Decision, point: DecisionPoint, author: Author) -> Verdict:
    """Return the verdict on a login or a checkpoint, bound to everything that the question named."""
    event = sighting.event
    return Verdict(
        verdict_id=record_id(author.tenant, event.subject_id, event.event_id, "verdict"),
        kind="gate" if type(event) is Checkpoint else "login",
        event_id=event.event_id,
        subject_id=event.subject_id,
        decision=decision,
        score=score_of(case.reasons),
        decided_ms=sighting.appended_ms,
        expires_ms=sighting.appended_ms + point.lifetime_s * 1000,
        challenge=point.challenge if decision == "step_up" else None,
        reasons=case.reasons[:MAX_REASONS],
        missing=case.missing,
        versions=author.versions,
        degraded=case.degraded,
        **_bound_to(event),
    )


def _bound_to(event: Event) -> dict[str, Any]:
    if type(event) is not Checkpoint:
        return {"session_id": event.session_id, "device_id": event.device_id}
    return {
        "session_id": event.session_id,
        "application_id": event.application_id,
        "step": event.step,
        "attempt": event.attempt,
        "draw_id": event.draw_id,
        "payee_ref": event.payee_ref,
        "device_id": event.device_id,
        "amount_max": event.amount,
        "currency": event.currency,
    }


def is_decision_point(sighting: Sighting) -> bool:
    """Say whether an event is answered by a verdict."""
    return type(sighting.event) in _DECISION_POINTS


def with_allow(allows: Iterable[OpenAllow], verdict: Verdict, seen: Seen | None = None) -> tuple[OpenAllow, ...]:
    """Remember an application's allow until it expires; beyond the window the earliest steps give way first."""
    kept = tuple([allow for allow in allows if allow.expires_ms > verdict.decided_ms])
    if verdict.decision != "allow" or verdict.application_id is None:
        return kept
    remembered = (bytes.fromhex(verdict.verdict_id.replace("-", "")), *_remembered_of(verdict), seen)
    fresh = OpenAllow(*remembered)
    if not kept:
        return (fresh,)
    ranked = sorted((*kept, fresh), key=lambda allow: (_STEPS.index(allow.step), allow.expires_ms))
    return tuple(ranked[-MAX_ALLOWS:])


def revocation(sighting: Sighting, case: Case, decision: Decision, allow: OpenAllow, author: Author) -> Verdict:
    """Return the verdict that takes back an earlier allow; it belongs to the session of the event that gave cause."""
    event = sighting.event
    return Verdict(
        verdict_id=record_id(author.tenant, event.subject_id, event.event_id, f"revoke:{allow.verdict_id}"),
        kind="revoke",
        event_id=event.event_id,
        subject_id=event.subject_id,
        session_id=event.session_id,
        application_id=allow.application_id,
        step=allow.step,
        attempt=allow.attempt,
        draw_id=allow.draw_id,
        revokes=allow.verdict_id,
        decision=decision,
        score=score_of(case.reasons),
        decided_ms=sighting.appended_ms,
        expires_ms=allow.expires_ms,
        reasons=case.reasons[:MAX_REASONS],
        versions=author.versions,
        degraded=case.degraded,
    )


def is_grave(decision: Decision) -> bool:
    """Say whether a decision takes back what was allowed before."""
    return SEVERITY[decision] >= SEVERITY["review"]
