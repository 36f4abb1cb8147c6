"""The domain's one step, (subject, sighting, rules) -> (subject, records); it reads as an event is judged."""

from collections import defaultdict
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isnan
from typing import Any, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from menshen.contract.assessment import Assessment, Versions
from menshen.contract.dead_letter import RejectReason
from menshen.contract.events import FAMILIES, TYPE_OF, Checkpoint, Envelope, Event, Override, Step
from menshen.contract.identifiers import as_uuid, record_digest
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
from menshen.fraud.detector import Detector, DetectorState, Finding, Reading
from menshen.fraud.excusing import EXCUSING, answered, exempt, overrule, ruling_on
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

Row: TypeAlias = Sequence[float]
"""The vector of features at a decision point."""
Look: TypeAlias = Callable[[Any, Sighting], Reading]
"""A detector's step."""


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
    def looks(self) -> Mapping[type[Envelope], tuple[tuple[str, type[DetectorState], Look], ...]]:
        """The same in the parts that each event needs: the detector's name, its kind of state, and its step."""
        return {
            family: tuple((each.name, each.state, each.step) for each in detectors)
            for family, detectors in self.listening.items()
        }

    @cached_property
    def features(self) -> tuple[str, ...]:
        """The names of the feature vector, in order."""
        return tuple(feature for detector in self.detectors for feature in detector.features)

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Where each feature stands in the vector."""
        return {feature: place for place, feature in enumerate(self.features)}

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


class Outcome(Struct, frozen=True, gc=False):
    """What came of one event. A known event changes nothing and has no records."""

    subject: Subject
    assessment: Assessment | None = None
    verdicts: tuple[Verdict, ...] = ()
    rejection: RejectReason | None = None


class _Docket(Struct, gc=False):
    """An event under judgement: the subject as it is by now, and what the detectors have said so far."""

    subject: Subject
    sighting: Sighting
    digest: bytes
    outcome: Outcome | None = None
    readings: list[tuple[str, Reading]] = []


def step(subject: Subject, sighting: Sighting, rules: Rules) -> Outcome:
    """Judge one event by what is known of its subject, and learn from it."""
    return step_all([(subject, sighting)], rules)[0]


def step_all(given: Sequence[tuple[Subject, Sighting]], rules: Rules) -> list[Outcome]:
    """Judge events side by side, each of another subject: what comes of one is what `step` alone makes of it.

    A detector looks at all its events before the next detector does: code that has just run runs quicker
    (docs/performance.md).
    """
    dockets = [_received(subject, sighting, rules) for subject, sighting in given]
    of_family = defaultdict[type[Envelope], list[_Docket]](list)
    for docket in dockets:
        if docket.outcome is None:
            of_family[type(docket.sighting.event)].append(docket)
    for family, alike in of_family.items():
        for name, kind, look in rules.looks[family]:
            for docket in alike:
                state = docket.subject.states.get(name)
                known = state if type(state) is kind else docket.subject.state_of(name, kind)
                docket.readings.append((name, look(known, docket.sighting)))
        for docket in alike:
            docket.outcome = _judged(docket, rules)
    return [docket.outcome for docket in dockets if docket.outcome is not None]


def _received(subject: Subject, sighting: Sighting, rules: Rules) -> _Docket:
    """Remember the event; what comes of one that is known already is settled."""
    event = sighting.event
    digest = record_digest(rules.tenant, event.subject_id, event.event_id, "assessment")
    key, content = digest[:8], sighting.content_crc.to_bytes(4, "big")
    known = subject.content_of(key)
    if known is not None:
        settled = Outcome(subject, rejection=None if known == content else RejectReason.ID_REUSE)
        return _Docket(subject, sighting, digest, settled)
    return _Docket(subject.with_event(key, content, claimed=event.assurance == "claimed"), sighting, digest)


def _judged(docket: _Docket, rules: Rules) -> Outcome:
    """Weigh what the detectors said of an event, and answer it where it asks."""
    sighting = docket.sighting
    event = sighting.event
    subject, visit, findings = _learned(docket, rules)
    row = vector_of(visit, len(rules.features)) if is_decision_point(sighting) else None
    case = _case(subject, sighting, visit, row, findings, rules)
    verdicts: tuple[Verdict, ...] = ()
    if subject.allows:
        subject, verdicts = _revoke(subject, sighting, case, rules)
    if row is not None:
        subject, verdict = _answer(subject, sighting, case, rules)
        verdicts = (*verdicts, verdict)
    if type(event) in EXCUSING:
        subject = overrule(exempt(subject, sighting, rules.policy), sighting, rules.policy)
    return Outcome(subject, _assessment(as_uuid(docket.digest), sighting, case, row, rules), verdicts)


def _learned(docket: _Docket, rules: Rules) -> tuple[Subject, Visit, list[Finding]]:
    """Remember what the detectors learned, what they doubt and what they measured.

    The visit that is returned has all that this event brought, also where that is not remembered.
    """
    subject, sighting, standing = docket.subject, docket.sighting, docket.subject.standing
    states = dict(subject.states) if docket.readings else subject.states
    fresh: list[Finding] = []
    measured: list[dict[str, float]] = []
    for name, reading in docket.readings:
        states[name] = reading.state
        if reading.findings:
            fresh.extend(reading.findings)
        if reading.features:
            measured.append(reading.features)
    session, now_ms, findings = tag(sighting.event.session_id), sighting.appended_ms, fresh
    if fresh or standing:
        findings = [*fresh, *weighing_on(standing, session, now_ms)]
        standing = keep_standing(standing, fresh, sighting)
    visits = subject.visits if subject.layout == rules.layout else _without_features(subject.visits)
    visit = visit_of(visits, session, now_ms)
    kept, visit = counts_for(visit, sighting), with_sighting(visit, sighting, measured, rules.places)
    visits = keep_visits(visits, visit) if kept else visits
    changed = replace(subject, layout=rules.layout, states=states, visits=visits, standing=standing)
    return changed, visit, findings


def _without_features(visits: tuple[Visit, ...]) -> tuple[Visit, ...]:
    return tuple(replace(visit, features=b"") for visit in visits)


def _case(
    subject: Subject, sighting: Sighting, visit: Visit, row: Row | None, findings: list[Finding], rules: Rules
) -> Case:
    """Add what a decision point brings (it alone has a row), and weigh what no passed challenge answers."""
    case = Case(tuple(findings), (), degraded=rules.model is None)
    if row is not None:
        case = _asked(_scored(case, row, rules), sighting, visit, rules.policy)
    elif not findings:
        return case
    excused = answered(subject.exemptions, visit.device, sighting.appended_ms, rules.policy)
    whole = replace(case, reasons=weigh(case.findings, rules.layers, rules.policy))
    return _without(whole, excused, rules) if excused else whole


def _scored(case: Case, row: Row, rules: Rules) -> Case:
    """Add what the learned scores amount to."""
    if rules.model is None:
        return case
    try:
        score = rules.model.score(row)
    except ModelError:
        return replace(case, degraded=True)
    learned = learned_findings(score.risk, score.anomaly, rules.policy.learned)
    return replace(case, findings=(*case.findings, *learned)) if learned else case


def _asked(case: Case, sighting: Sighting, visit: Visit, policy: Policy) -> Case:
    """Add what the question itself brings: the evidence that did not come, and the limits that its amount exceeds."""
    event, point = sighting.event, policy.at(_step_of(sighting))
    missing = missing_of(event, visit, point)
    exceeded = point.exceeded(event) if type(event) is Checkpoint else {}
    if not exceeded:
        return replace(case, missing=missing) if missing else case
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
    return sighting.event.step if type(sighting.event) is Checkpoint else None


def _answer(subject: Subject, sighting: Sighting, case: Case, rules: Rules) -> tuple[Subject, Verdict]:
    """Answer a decision point."""
    event, point, seen = sighting.event, rules.policy.at(_step_of(sighting)), None
    if type(event) is Checkpoint:
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
    return replace(subject, allows=with_allow(subject.allows, verdict, seen)), verdict


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
    if sighting.event.assurance == "claimed":
        return subject, ()
    case = replace(_without(case, (EXPOSURE,), rules), missing=())
    kept: list[OpenAllow] = []
    revoked: list[Verdict] = []
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


def _assessment(assessment_id: str, sighting: Sighting, case: Case, row: Row | None, rules: Rules) -> Assessment:
    event = sighting.event
    return Assessment(
        assessment_id=assessment_id,
        event_id=event.event_id,
        event_type=TYPE_OF[type(event)],
        subject_id=event.subject_id,
        session_id=event.session_id,
        offset=sighting.offset,
        appended_ms=sighting.appended_ms,
        score=score_of(case.reasons),
        reasons=case.reasons,
        observed=sighting.observed,
        versions=rules.author.versions,
        features=None if row is None else tuple([None if isnan(value) else value for value in row]),
        deferred=sighting.deferred,
    )
