"""The domain's one step, (subject, sighting, rules) -> (subject, records); it reads as an event is judged."""

import math
from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from msgspec.structs import replace

from menshen.contract.assessment import Assessment, Versions
from menshen.contract.dead_letter import RejectReason
from menshen.contract.events import FAMILIES, Checkpoint, Envelope, Event, Override, Step
from menshen.contract.identifiers import record_id
from menshen.contract.verdict import SEVERITY, Decision, Verdict
from menshen.fraud.deciding import (
    ASSURANCE,
    Author,
    Case,
    amount_of,
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
from menshen.fraud.excusing import answered, exempt, overrule, ruling_on
from menshen.fraud.model import Model, ModelError
from menshen.fraud.policy import EXPOSURE, DecisionPoint, Policy, gravest
from menshen.fraud.reasons import bits_of, codes_of
from menshen.fraud.scoring import exposure_findings, learned_findings, score_of, weigh
from menshen.fraud.sighting import Sighting
from menshen.fraud.subject import Attempt, OpenAllow, Seen, Subject, Visit
from menshen.fraud.tagging import tag
from menshen.fraud.visits import (
    counts_for,
    keep_standing,
    keep_visits,
    layout_of,
    vector_of,
    visit_of,
    weighing_on,
    with_sighting,
)


@dataclass(frozen=True)
class Rules:
    """What judges: the detectors, the policy, the model (None: out of order), for one tenant."""

    tenant: str
    detectors: tuple[Detector[Any], ...]
    policy: Policy
    model: Model | None
    geo: str = ""

    @cached_property
    def listening(self) -> Mapping[type[Envelope], tuple[Detector[Any], ...]]:
        """The detectors that listen to each family."""
        return {family: tuple(each for each in self.detectors if family in each.listens) for family in FAMILIES}

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
    event = sighting.event
    assessment_id = record_id(rules.tenant, event.subject_id, event.event_id, "assessment")
    key, content = _first_8_bytes(assessment_id), sighting.content_crc.to_bytes(4, "big")
    known = subject.content_of(key)
    if known is not None:
        return Outcome(subject, rejection=None if known == content else RejectReason.ID_REUSE)
    subject = subject.with_event(key, content, claimed=event.assurance == "claimed")
    subject, visit, findings = _look(subject, sighting, rules)
    case = _case(subject, sighting, visit, findings, rules)
    subject, verdicts = _answer(subject, sighting, case, rules)
    subject = overrule(exempt(subject, sighting, rules.policy), sighting, rules.policy)
    return Outcome(subject, _assessment(assessment_id, sighting, case, visit, rules), verdicts)


def _first_8_bytes(record_id: str) -> bytes:
    return bytes.fromhex(record_id[:18].replace("-", ""))


def _look(subject: Subject, sighting: Sighting, rules: Rules) -> tuple[Subject, Visit, list[Finding]]:
    """Ask every detector that listens; remember what it learned, what it doubts and what it measured.

    The visit that is returned has all that this event brought, also where that is not remembered.
    """
    states, fresh = dict(subject.states), list[Finding]()
    features: dict[str, float] = {}
    for detector in rules.listening[type(sighting.event)]:
        reading = detector.step(subject.state_of(detector.name, detector.state), sighting)
        states[detector.name] = reading.state
        features.update(reading.features or {})
        fresh.extend(reading.findings)
    session, now_ms = tag(sighting.event.session_id), sighting.appended_ms
    visits = subject.visits if subject.layout == rules.layout else _without_features(subject.visits)
    visit = visit_of(visits, session, now_ms)
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
    """Add the learned scores and exceeded limits at a decision point, and weigh what no passed challenge answers."""
    degraded = rules.model is None
    if is_decision_point(sighting) and rules.model is not None:
        try:
            score = rules.model.score(vector_of(visit, len(rules.features)))
            findings = [*findings, *learned_findings(score.risk, score.anomaly, rules.policy.learned)]
        except ModelError:
            degraded = True
    case = Case(tuple(findings), (), degraded=degraded)
    if is_decision_point(sighting):
        case = _asked(case, sighting, visit, rules.policy)
    excused = answered(subject.exemptions, visit.device, sighting.appended_ms, rules.policy)
    whole = replace(case, reasons=weigh(case.findings, rules.layers, rules.policy))
    return _without(whole, excused, rules)


def _asked(case: Case, sighting: Sighting, visit: Visit, policy: Policy) -> Case:
    """Add what the question itself brings: the evidence that did not come, and the limits that its amount exceeds."""
    event, point = sighting.event, policy.at(_step_of(sighting))
    missing = missing_of(event, visit, point)
    exceeded = point.exceeded(event) if isinstance(event, Checkpoint) else {}
    by_limits = gravest("allow", *[limit.decision for limit in exceeded])
    findings = (*case.findings, *exposure_findings(exceeded))
    return replace(case, findings=findings, missing=missing, exceeded=by_limits)


def _without(case: Case, codes: Container[str], rules: Rules) -> Case:
    """Return the case as it is when some codes weigh nothing; what is left counts as though it stood alone."""
    weighing = tuple([finding for finding in case.findings if finding.code not in codes])
    if len(weighing) == len(case.findings):
        return case
    exceeded: Decision = "allow" if EXPOSURE in codes else case.exceeded
    return replace(case, findings=weighing, reasons=weigh(weighing, rules.layers, rules.policy), exceeded=exceeded)


def _step_of(sighting: Sighting) -> Step | None:
    return sighting.event.step if isinstance(sighting.event, Checkpoint) else None


def _answer(subject: Subject, sighting: Sighting, case: Case, rules: Rules) -> tuple[Subject, tuple[Verdict, ...]]:
    """Answer a decision point, and take back earlier allows that this event makes untenable."""
    subject, revoked = _revoke(subject, sighting, case, rules)
    if not is_decision_point(sighting):
        return subject, revoked
    event, point, seen = sighting.event, rules.policy.at(_step_of(sighting)), None
    if isinstance(event, Checkpoint):
        ruling = ruling_on(subject.rulings, event, sighting.appended_ms)
        seen = ruling.seen if ruling else None
        decision = "block" if ruling and not seen else _decision(case, point, amount_of(event), seen, rules)
        attempt = attempt_key(event)
        decision = within_attempt(subject.attempts, attempt, decision)
        codes = bits_of([finding.code for finding in case.findings]) if sighting.teaches else 0
        fresh, claimed = Attempt(attempt, decision, codes), event.assurance == "claimed"
        subject = replace(subject, attempts=with_attempt(subject.attempts, fresh, claimed=claimed))
    else:
        decision = decide(case, point, rules.policy)
    verdict = answer(sighting, case, decision, point, rules.author)
    return replace(subject, allows=with_allow(subject.allows, verdict, seen)), (*revoked, verdict)


def _decision(case: Case, point: DecisionPoint, amount: str | None, seen: Seen | None, rules: Rules) -> Decision:
    """Decide; what people saw when they allowed it weighs nothing, unless it amounts to a graver decision by now.

    Nobody can vouch for the person in the customer's stead: where that is missing, it is asked for all the same.
    """
    decision = decide(case, point, rules.policy, amount)
    if seen is None:
        return decision
    found = replace(case, missing=tuple([each for each in case.missing if each == ASSURANCE]))
    if SEVERITY[decide(found, point, rules.policy, amount)] > seen.gravity:
        return decision
    known = codes_of(seen.codes) - set(rules.policy.override.never)
    return decide(_without(found, known, rules), point, rules.policy, amount)


def _revoke(subject: Subject, sighting: Sighting, case: Case, rules: Rules) -> tuple[Subject, tuple[Verdict, ...]]:
    """Judge each open allow again. An event that nobody vouches for takes nothing back: anyone can name anyone.

    What did not come, and how much money goes before, was asked about another question.
    """
    if not subject.allows or sighting.event.assurance == "claimed":
        return subject, ()
    case = replace(_without(case, (EXPOSURE,), rules), missing=())
    kept, revoked = list[OpenAllow](), list[Verdict]()
    for allow in [each for each in subject.allows if each.expires_ms > sighting.appended_ms]:
        decision = _again(allow, sighting.event, case, rules)
        if is_grave(decision):
            revoked.append(revocation(sighting, case, decision, allow, rules.author))
        else:
            kept.append(allow)
    return replace(subject, allows=tuple(kept)), tuple(revoked)


def _again(allow: OpenAllow, event: Event, case: Case, rules: Rules) -> Decision:
    """Decide on an open allow; people who block one question of an application take back all that it was allowed."""
    if isinstance(event, Override) and event.decision == "block" and event.application_id == allow.application_id:
        return "block"
    return _decision(case, rules.policy.at(allow.step), allow.amount_max, allow.seen, rules)


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
    return tuple([None if math.isnan(value) else value for value in vector_of(visit, n_features)])
