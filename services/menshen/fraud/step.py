"""The domain's one step, (subject, sighting, rules) -> (subject, records); it reads as an event is judged."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from msgspec.structs import replace

from menshen.contract.assessment import Assessment, Versions
from menshen.contract.dead_letter import RejectReason
from menshen.contract.events import Challenge, Checkpoint, Step
from menshen.contract.identifiers import record_id
from menshen.contract.verdict import Verdict
from menshen.fraud.deciding import (
    Author,
    Case,
    answer,
    attempt_key,
    decide,
    is_decision_point,
    is_grave,
    missing_of,
    revocation,
    with_allow,
    with_attempt,
    within_attempt,
)
from menshen.fraud.detector import Detector, Finding
from menshen.fraud.model import Model, ModelError
from menshen.fraud.policy import Policy
from menshen.fraud.scoring import learned_findings, score_of, weigh
from menshen.fraud.sighting import Sighting
from menshen.fraud.subject import Exemption, OpenAllow, Subject, Visit
from menshen.fraud.tagging import tag
from menshen.fraud.visits import (
    counts_for,
    keep_standing,
    keep_visits,
    layout_of,
    vector_of,
    weighing_on,
    with_sighting,
)

MAX_EXEMPTIONS = 4


@dataclass(frozen=True)
class Rules:
    """What judges: the detectors, the policy, the model (None: out of order), for one tenant."""

    tenant: str
    detectors: tuple[Detector[Any], ...]
    policy: Policy
    model: Model | None
    geo: str = ""

    @cached_property
    def features(self) -> tuple[str, ...]:
        """The names of the feature vector, in order."""
        return tuple(feature for detector in self.detectors for feature in detector.features)

    @cached_property
    def layout(self) -> int:
        """The number of this order of features."""
        return layout_of(self.features)

    @cached_property
    def layers(self) -> dict[str, str]:
        """The layer of each detector's codes."""
        return {code: detector.layer for detector in self.detectors for code in detector.codes}

    @cached_property
    def author(self) -> Author:
        """Who signs for the records."""
        model = self.model.version if self.model else ""
        return Author(self.tenant, Versions(policy=self.policy.version, model=model, geo=self.geo))


class Outcome(NamedTuple):
    """What came of one event. A known event changes nothing and has no records."""

    subject: Subject
    assessment: Assessment | None = None
    verdicts: tuple[Verdict, ...] = ()
    rejection: RejectReason | None = None


def step(subject: Subject, sighting: Sighting, rules: Rules) -> Outcome:
    """Judge one event by what is known of its subject, and learn from it."""
    assessment_id = record_id(rules.tenant, sighting.event.subject_id, sighting.event.event_id, "assessment")
    key, content = bytes.fromhex(assessment_id[:8] + assessment_id[9:13] + assessment_id[14:18]), _content(sighting)
    known = subject.content_of(key)
    if known is not None:
        return Outcome(subject, rejection=None if known == content else RejectReason.ID_REUSE)
    subject = subject.with_event(key, content, claimed=sighting.event.assurance == "claimed")
    subject, visit, findings = _look(subject, sighting, rules)
    case = _case(subject, sighting, visit, findings, rules)
    subject, verdicts = _answer(subject, sighting, case, rules)
    subject = _exempt(subject, sighting, rules.policy)
    return Outcome(subject, _assessment(assessment_id, sighting, case, visit, rules), verdicts)


def _content(sighting: Sighting) -> bytes:
    return sighting.content_crc.to_bytes(4, "big")


def _look(subject: Subject, sighting: Sighting, rules: Rules) -> tuple[Subject, Visit, list[Finding]]:
    """Ask every detector that listens; remember what it learned, what it doubts and what it measured.

    The visit that is returned has all that this event brought, also where that is not remembered.
    """
    states, features, fresh = dict(subject.states), dict[str, float](), list[Finding]()
    family = type(sighting.event)
    for detector in rules.detectors:
        if family in detector.listens:
            reading = detector.step(subject.state_of(detector.name, detector.state), sighting)
            states[detector.name] = reading.state
            features.update(reading.features or {})
            fresh.extend(reading.findings)
    session, now_ms = tag(sighting.event.session_id), sighting.appended_ms
    visits = subject.visits if subject.layout == rules.layout else _without_features(subject.visits)
    visit = next((v for v in visits if v.session == session), Visit(session, now_ms))
    kept, visit = counts_for(visit, sighting), with_sighting(visit, sighting, features, rules.features)
    findings = [*fresh, *weighing_on(subject.standing, session, now_ms)]
    changed = replace(
        subject,
        layout=rules.layout,
        states=states,
        visits=keep_visits(visits, visit) if kept else visits,
        standing=keep_standing(subject.standing, fresh, sighting),
    )
    return changed, visit, findings


def _without_features(visits: tuple[Visit, ...]) -> tuple[Visit, ...]:
    return tuple(replace(visit, features=b"") for visit in visits)


def _case(subject: Subject, sighting: Sighting, visit: Visit, findings: list[Finding], rules: Rules) -> Case:
    """Add the learned scores at a decision point, leave out what a passed challenge answers, and weigh the rest."""
    degraded = rules.model is None
    if is_decision_point(sighting) and rules.model is not None:
        row = np.frombuffer(vector_of(visit, len(rules.features)), dtype=np.float64)[None, :]
        try:
            scores = rules.model.score(row)
            findings = [*findings, *learned_findings(int(scores.risk[0]), int(scores.anomaly[0]), rules.policy.learned)]
        except ModelError:
            degraded = True
    answered = _answered(subject.exemptions, visit.device, sighting.appended_ms, rules.policy)
    weighing = tuple(finding for finding in findings if finding.code not in answered)
    reasons = weigh(weighing, rules.layers, rules.policy)
    point = rules.policy.at(_step_of(sighting))
    missing = missing_of(sighting.event, visit, point) if is_decision_point(sighting) else ()
    return Case(weighing, reasons, missing, degraded)


def _step_of(sighting: Sighting) -> Step | None:
    return sighting.event.step if isinstance(sighting.event, Checkpoint) else None


def _answered(exemptions: Iterable[Exemption], device: bytes, now_ms: int, policy: Policy) -> set[str]:
    live = (e for e in exemptions if e.device == device and e.until_ms > now_ms)
    return {code for e in live for rule in (policy.challenges.get(e.method),) if rule for code in rule.answers}


def _exempt(subject: Subject, sighting: Sighting, policy: Policy) -> Subject:
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


def _answer(subject: Subject, sighting: Sighting, case: Case, rules: Rules) -> tuple[Subject, tuple[Verdict, ...]]:
    """Answer a decision point, and take back earlier allows that this event makes untenable."""
    subject, revoked = _revoke(subject, sighting, case, rules)
    if not is_decision_point(sighting):
        return subject, revoked
    event, point = sighting.event, rules.policy.at(_step_of(sighting))
    amount = event.amount if isinstance(event, Checkpoint) else None
    decision = decide(case, point, rules.policy, amount)
    if isinstance(event, Checkpoint):
        decision = within_attempt(subject.attempts, attempt_key(event), decision)
        claimed = event.assurance == "claimed"
        attempts = with_attempt(subject.attempts, attempt_key(event), decision, claimed=claimed)
        subject = replace(subject, attempts=attempts)
    verdict = answer(sighting, case, decision, point, rules.author)
    return replace(subject, allows=with_allow(subject.allows, verdict)), (*revoked, verdict)


def _revoke(subject: Subject, sighting: Sighting, case: Case, rules: Rules) -> tuple[Subject, tuple[Verdict, ...]]:
    """Judge each open allow again. An event that nobody vouches for takes nothing back: anyone can name anyone."""
    if not subject.allows or sighting.event.assurance == "claimed":
        return subject, ()
    kept, revoked = list[OpenAllow](), list[Verdict]()
    for allow in (a for a in subject.allows if a.expires_ms > sighting.appended_ms):
        point = rules.policy.at(allow.step)
        decision = decide(case._replace(missing=()), point, rules.policy, allow.amount_max)
        if is_grave(decision):
            revoked.append(revocation(sighting, case, decision, allow, rules.author))
        else:
            kept.append(allow)
    return replace(subject, allows=tuple(kept)), tuple(revoked)


def _assessment(assessment_id: str, sighting: Sighting, case: Case, visit: Visit, rules: Rules) -> Assessment:
    event = sighting.event
    return Assessment(
        assessment_id=assessment_id,
        event_id=event.event_id,
        event_type=str(event.__struct_config__.tag),
        subject_id=event.subject_id,
        session_id=event.session_id,
        offset=sighting.offset,
        appended_ms=sighting.appended_ms,
        score=score_of(case.reasons),
        reasons=case.reasons,
        observed=sighting.observed,
        versions=rules.author.versions,
        features=_features(visit, len(rules.features)) if is_decision_point(sighting) else None,
        deferred=sighting.deferred,
    )


def _features(visit: Visit, n_features: int) -> tuple[float | None, ...]:
    return tuple(None if math.isnan(value) else value for value in vector_of(visit, n_features))
