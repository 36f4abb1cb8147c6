"""The step, told as stories: who is let through, what is answered, and what a known event does."""

import math
from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.fraud.story import (
    CROWD,
    FARM,
    HOUR_S,
    MINUTE_S,
    ON_D2,
    TRANSFER,
    Story,
    flat_model,
    known_customer,
    policy_with,
    rules,
    with_new_device,
)

from menshen.contract.dead_letter import RejectReason
from menshen.contract.events import FAMILIES, Challenge, Checkpoint, Device, Keystroke, Label, Location, Login
from menshen.contract.verdict import BOUND, SEVERITY
from menshen.fraud.detectors import DETECTORS
from menshen.fraud.subject import REMEMBERED_CLAIMS, REMEMBERED_EVENTS, pack

# Who is let through


@pytest.mark.parametrize(
    "question", [{"step": "eligibility"}, {"step": "agreement"}, {"step": "limit_activation"}, TRANSFER]
)
def test_a_first_time_customer_who_shows_himself_is_let_through(question: dict[str, Any]) -> None:
    story = Story()
    story.visit()
    verdict = story.verdict(Checkpoint, **question)
    assert (verdict.decision, verdict.score, verdict.reasons, verdict.missing) == ("allow", 0, (), ())
    assert verdict.challenge is None


@pytest.mark.parametrize(
    ("question", "decision"),
    [({"step": "eligibility"}, "allow"), ({"step": "agreement"}, "step_up"), (TRANSFER, "review")],
)
def test_what_did_not_come_is_named_and_never_scored(question: dict[str, Any], decision: str) -> None:
    story = Story()
    story.send(Login)
    verdict = story.verdict(Checkpoint, **question)
    assert verdict.decision == decision
    assert verdict.missing == {"allow": (), "step_up": ("device",), "review": ("device", "gps|ip")}[decision]
    assert (verdict.score, verdict.reasons) == (0, ())


def test_one_of_two_alternatives_is_enough() -> None:
    story = Story()
    story.send(Login, ip="10.0.0.1")
    story.send(Device)
    assert story.verdict(Checkpoint, **TRANSFER).missing == ()


def test_what_another_visit_sent_is_missing_in_this_one() -> None:
    story = known_customer()
    story.send(Login, session_id="v2")
    assert story.verdict(Checkpoint, **TRANSFER, session_id="v2").missing == ("device", "gps|ip")


def test_a_device_farm_is_asked_for_a_person() -> None:
    story = Story()
    story.visit(observed=FARM)
    verdict = story.verdict(Checkpoint, observed=FARM)
    assert verdict.decision == "review"
    assert [(reason.code, reason.points) for reason in verdict.reasons] == [("SHARED_DEVICE", 700)]
    assert verdict.score == 700


def test_a_doubt_goes_on_weighing_on_its_session_until_it_has_run_out() -> None:
    story = Story()
    story.visit(observed=FARM)
    assert story.verdict(Checkpoint, attempt=1, after_s=MINUTE_S).decision == "review"
    assert story.verdict(Checkpoint, attempt=2, session_id="v2").score == 0
    assert story.verdict(Checkpoint, attempt=3, after_s=HOUR_S).score == 0


def test_larger_amounts_are_judged_more_strictly() -> None:
    crowd = replace(CROWD, device_subjects_1h=4)
    decisions = {}
    for amount in ("49999.99", "50000.00"):
        story = Story()
        story.visit(observed=crowd)
        decisions[amount] = story.verdict(Checkpoint, **{**TRANSFER, "amount": amount}).decision
    assert decisions == {"49999.99": "allow", "50000.00": "step_up"}


# One answer to each question, bound to it


def test_a_gate_is_bound_to_everything_that_was_asked() -> None:
    story = Story()
    story.visit()
    asked = {**TRANSFER, "application_id": "a9", "attempt": 2, "session_id": "v1", "device_id": "d1"}
    verdict = story.verdict(Checkpoint, **asked)
    bound = {field: getattr(verdict, field) for field in BOUND}
    assert bound == {"amount_max": asked.pop("amount"), **asked}
    assert (verdict.kind, verdict.subject_id, verdict.event_id) == ("gate", "s1", "e3")
    assert (verdict.decided_ms, verdict.expires_ms) == (story.now_ms, story.now_ms + 120_000)


def test_a_login_is_answered_for_its_session_and_device() -> None:
    verdict = Story().verdict(Login, session_id="v7", device_id="d7")
    assert (verdict.kind, verdict.session_id, verdict.device_id) == ("login", "v7", "d7")
    assert [getattr(verdict, field) for field in BOUND if field not in ("session_id", "device_id")] == [None] * 7
    assert verdict.expires_ms - verdict.decided_ms == 300_000


def test_only_decision_points_are_answered_and_everything_is_assessed() -> None:
    story = Story()
    others = ((Device, {}), (Location, {}), (Keystroke, {}), (Challenge, {}))
    for family, fields in others:
        outcome = story.send(family, **fields)
        assert outcome.verdicts == ()
        assert outcome.assessment is not None
        assert outcome.assessment.features is None
    for family in (Login, Checkpoint):
        outcome = story.send(family)
        assert len(outcome.verdicts) == 1
        assert outcome.assessment is not None
        assert outcome.assessment.features is not None
        assert len(outcome.assessment.features) == len(story.rules.features)


def test_each_detector_is_asked_about_the_families_that_it_listens_to_in_the_order_of_the_registry() -> None:
    listening = rules().listening
    assert set(listening) == set(FAMILIES)
    for family, detectors in listening.items():
        assert list(detectors) == [each for each in DETECTORS if family in each.listens]
        assert [name for name, _, _ in rules().looks[family]] == [each.name for each in detectors]


def test_a_label_is_assessed_and_opens_nothing() -> None:
    story = with_new_device()
    assert story.verdict(Checkpoint, **ON_D2).decision == "step_up"
    outcome = story.send(Label, **ON_D2)
    assert outcome.assessment is not None
    assert outcome.verdicts == ()
    assert story.verdict(Checkpoint, **ON_D2, attempt=2).decision == "step_up"


def test_the_assessment_says_what_was_seen_and_the_vector_has_no_nan() -> None:
    story = Story()
    outcome = story.send(Login, observed=FARM)
    assessment = outcome.assessment
    assert assessment is not None
    assert (assessment.event_id, assessment.event_type, assessment.offset) == ("e0", "login", 0)
    assert (assessment.observed, assessment.appended_ms, assessment.score) == (FARM, story.now_ms, 700)
    known = dict(zip(story.rules.features, assessment.features or (), strict=True))
    assert known["device_subjects_1d"] == 0.0
    assert None in known.values()
    assert not any(value is not None and math.isnan(value) for value in known.values())


# Known events


def test_a_duplicate_changes_nothing_and_produces_nothing() -> None:
    story = known_customer()
    before = pack(story.subject)
    for seen in list(story.log):
        outcome = story.judge(replace(seen, offset=seen.offset + 100, appended_ms=seen.appended_ms + HOUR_S * 1000))
        assert (outcome.assessment, outcome.verdicts, outcome.rejection) == (None, (), None)
    assert pack(story.subject) == before


def test_a_known_id_with_another_content_is_refused_and_changes_nothing() -> None:
    story = known_customer()
    before, seen = pack(story.subject), story.log[-1]
    outcome = story.judge(replace(seen, content_crc=seen.content_crc ^ 1))
    assert (outcome.assessment, outcome.verdicts) == (None, ())
    assert outcome.rejection is RejectReason.ID_REUSE
    assert pack(story.subject) == before


def test_a_claim_cannot_use_a_known_id_again() -> None:
    story = Story()
    story.send(Login, event_id="x")
    assert story.send(Device, event_id="x", assurance="claimed").rejection is RejectReason.ID_REUSE
    story.send(Device, event_id="y", assurance="claimed")
    assert story.send(Login, event_id="y").rejection is RejectReason.ID_REUSE


@pytest.mark.parametrize(
    ("assurance", "window"), [("authenticated", REMEMBERED_EVENTS), ("claimed", REMEMBERED_CLAIMS)]
)
def test_as_many_events_are_remembered_as_is_said(assurance: str, window: int) -> None:
    story = Story()
    for _ in range(window + 1):
        story.send(Device, assurance=assurance)
    assert story.judge(story.log[1]).assessment is None
    assert story.judge(story.log[0]).assessment is not None


def test_a_flood_of_claims_does_not_make_an_old_event_new() -> None:
    """Else a passed challenge could be sent again, a day later, and open the door once more."""
    story = with_new_device()
    story.send(Challenge, **ON_D2)
    passed = story.log[-1]
    for i in range(200):
        story.send(Device, assurance="claimed", session_id=f"x{i}", after_s=0)
    outcome = story.judge(replace(passed, appended_ms=story.now_ms))
    assert outcome.assessment is None


# The model


def test_the_learned_risk_adds_its_points() -> None:
    story = Story(rules(model=flat_model(0.65)))
    story.visit()
    verdict = story.verdict(Checkpoint)
    assert [(reason.code, reason.points) for reason in verdict.reasons] == [("LEARNED_RISK", 150)]
    assert (verdict.versions.model, verdict.degraded) == ("flat-1", False)


@pytest.mark.parametrize("model", [None, flat_model(0.01, n_inputs=1)], ids=["none", "of another shape"])
def test_without_a_model_that_scores_nobody_is_blocked(model: Any) -> None:
    severe = policy_with(weights=dict.fromkeys(rules().policy.weights, 1000))
    story, healthy = Story(rules(model=model, policy=severe)), Story(rules(policy=severe))
    for each in (story, healthy):
        each.visit(observed=FARM)
    verdict = story.verdict(Checkpoint)
    assert (verdict.decision, verdict.degraded, verdict.score) == ("review", True, 1000)
    assert (healthy.verdict(Checkpoint).decision, healthy.verdict(Checkpoint).degraded) == ("block", False)


def test_without_a_model_the_honest_are_let_through() -> None:
    story = Story(rules(model=None))
    story.visit()
    verdict = story.verdict(Checkpoint, **TRANSFER)
    assert (verdict.decision, verdict.degraded, verdict.versions.model) == ("allow", True, "")


def test_values_of_another_order_of_features_are_read_as_absent() -> None:
    story = Story()
    story.visit()
    story.rules = rules(detectors=story.rules.detectors[::-1])
    outcome = story.send(Checkpoint)
    assert outcome.assessment is not None
    known = dict(zip(story.rules.features, outcome.assessment.features or (), strict=True))
    assert known["failed_logins_1h"] is None
    assert known["n_devices"] == 1.0


def test_records_are_named_by_tenant_subject_and_event_alone() -> None:
    one, other, third = Story(), Story(rules(model=None)), Story(rules(tenant="u"))
    first = one.send(Login)
    assert first.verdicts[0].verdict_id == other.send(Login, observed=FARM).verdicts[0].verdict_id
    assert first.verdicts[0].verdict_id != third.send(Login).verdicts[0].verdict_id
    assert first.assessment is not None
    assert first.assessment.assessment_id != first.verdicts[0].verdict_id


def test_severity_has_a_place_for_every_decision() -> None:
    assert sorted(SEVERITY, key=SEVERITY.__getitem__) == ["allow", "step_up", "review", "block"]
