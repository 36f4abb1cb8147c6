"""What excuses a doubt: a challenge that was passed, or a decision that people made; each only what it was about."""

import hashlib
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from menshen.contract.events import Challenge, Checkpoint, Override
from menshen.contract.verdict import SEVERITY
from menshen.fraud.deciding import attempt_key, with_attempt
from menshen.fraud.policy import Policy
from menshen.fraud.reasons import bits_of
from menshen.fraud.sighting import Sighting
from menshen.fraud.subject import Attempt, Exemption, Ruling, Seen, Subject
from menshen.fraud.tagging import tag

MAX_EXEMPTIONS = 4
MAX_RULINGS = 2
EXCUSING = frozenset({Challenge, Override})
"""The families that tell of a challenge or of a decision."""


def exempt(subject: Subject, sighting: Sighting, policy: Policy) -> Subject:
    """Open an exemption where the authentication service says that a challenge was passed on this device."""
    event = sighting.event
    if not (isinstance(event, Challenge) and event.outcome == "passed" and event.device_id and sighting.teaches):
        return subject
    rule = policy.challenges.get(event.method)
    if rule is None:
        return subject
    until_ms, device = sighting.appended_ms + rule.lasts_s * 1000, tag(event.device_id)
    others = [e for e in subject.exemptions if (e.method, e.device) != (event.method, device)]
    opened = (*others, Exemption(event.method, device, until_ms))[-MAX_EXEMPTIONS:]
    return replace(subject, exemptions=opened)


def answered(exemptions: Iterable[Exemption], device: bytes, now_ms: int, policy: Policy) -> set[str]:
    """Return the codes that passed challenges answer on a device."""
    codes: set[str] = set()
    for exemption in exemptions:
        if exemption.device == device and exemption.until_ms > now_ms:
            rule = policy.challenges.get(exemption.method)
            codes.update(rule.answers if rule else ())
    return codes


def overrule(subject: Subject, sighting: Sighting, policy: Policy) -> Subject:
    """Remember what people decided about one question, for as long as the policy says.

    An allow answers the reasons that the attempt was stopped for, at every later attempt at exactly the same question:
    they weigh nothing there, and neither does evidence that did not come. It answers nothing that came up later: a
    reason with another code counts in full, and where the reasons amount to a graver decision than the people saw, the
    allow is void. What they decide is in no way evidence: verdicts go on giving the reasons and the score as found.

    A block, or an attempt that is not remembered, takes `people_for_block` people to lift; of the latter only those
    doubts are answered that stood when they decided. An allow counts only from somebody who can be believed, and in
    time; a block also when it comes late. The newest decision on a question replaces the one before.
    """
    event = sighting.event
    if not isinstance(event, Override) or event.assurance == "claimed":
        return subject
    if event.decision == "block":
        blocked = with_attempt(subject.attempts, Attempt(attempt_key(event), "block"), claimed=False)
        return _with_ruling(replace(subject, attempts=blocked), sighting, event, None, policy)
    seen = _seen(subject, event, sighting.appended_ms)
    lifts = _is_blocked(subject, event, sighting.appended_ms) or seen.gravity == SEVERITY["block"]
    enough = not lifts or len(event.operators) >= policy.override.people_for_block
    return _with_ruling(subject, sighting, event, seen, policy) if enough and sighting.teaches else subject


def ruling_on(rulings: Sequence[Ruling], question: Checkpoint, now_ms: int) -> Ruling | None:
    """Return what people decided about a question: a block holds for all attempts, an allow for those after its own."""
    if not rulings:
        return None
    key = _question_key(question)
    live = (ruling for ruling in rulings if ruling.key == key and ruling.until_ms > now_ms)
    return next((r for r in live if r.seen is None or question.attempt > r.attempt), None)


def _question_key(question: Checkpoint | Override) -> bytes:
    """Return 16 bytes that stand for all that a question names but its attempt.

    Whoever chooses names freely could make two questions meet in the 8 bytes of a tag: one harmless, for people to see.
    """
    place = (question.application_id, question.step, question.draw_id, question.device_id)
    money = (question.payee_ref, question.amount, question.currency)
    return hashlib.blake2b("\n".join(part or "" for part in (*place, *money)).encode(), digest_size=16).digest()


def _seen(subject: Subject, event: Override, now_ms: int) -> Seen:
    key = attempt_key(event)
    for attempt in subject.attempts:
        if attempt.key == key:
            return Seen(SEVERITY[attempt.decision], attempt.codes)
    standing = (s.finding.code for s in subject.standing if s.vouched and s.until_ms > now_ms)
    return Seen(SEVERITY["block"], bits_of(standing))


def _is_blocked(subject: Subject, event: Override, now_ms: int) -> bool:
    key = _question_key(event)
    return any(r.key == key and r.seen is None and r.until_ms > now_ms for r in subject.rulings)


def _with_ruling(subject: Subject, sighting: Sighting, event: Override, seen: Seen | None, policy: Policy) -> Subject:
    """Add a ruling; beyond the window allows give way before blocks, and then those that expire first."""
    until_ms = sighting.appended_ms + policy.override.lasts_s * 1000
    fresh = Ruling(_question_key(event), event.attempt, until_ms, seen)
    live = (r for r in subject.rulings if r.key != fresh.key and r.until_ms > sighting.appended_ms)
    ranked = sorted((*live, fresh), key=lambda r: (r.seen is None, r.until_ms, r.key))
    return replace(subject, rulings=tuple(ranked[-MAX_RULINGS:]))
