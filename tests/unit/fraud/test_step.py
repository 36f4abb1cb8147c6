"""The step, told as stories: who is let through, who is asked for more, and what nobody can bring about."""

import math
from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.fraud.story import CROWD, FARM, PARIS, TRANSFER, Story, codes, flat_model, policy_with, rules

from menshen.contract.dead_letter import RejectReason
from menshen.contract.events import Challenge, Checkpoint, Device, Keystroke, Label, Location, Login, Override
from menshen.contract.verdict import BOUND, SEVERITY
from menshen.fraud.policy import ChallengeRule
from menshen.fraud.subject import REMEMBERED_CLAIMS, REMEMBERED_EVENTS, pack

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400


def known_customer() -> Story:
    """A customer of three days on one device, at his checkpoint today."""
    story = Story()
    for day in range(3):
        story.visit(session_id=f"v-{day}", after_s=DAY_S)
    story.visit(after_s=DAY_S)
    return story


def with_new_device() -> Story:
    """The same customer, having logged in today on a device that he never used."""
    story = known_customer()
    story.visit(device_id="d2", session_id="v2", after_s=HOUR_S)
    return story


ON_D2 = {"device_id": "d2", "session_id": "v2"}


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


def test_a_label_and_an_override_are_assessed_and_open_nothing() -> None:
    story = with_new_device()
    assert story.verdict(Checkpoint, **ON_D2).decision == "step_up"
    event = story.log[-1].event
    shared = {field: getattr(event, field) for field in Login.__struct_fields__ if hasattr(event, field)}
    override = {"application_id": "a1", "step": "agreement", "attempt": 1, "decision": "allow", "operators": ["o1"]}
    label = {"about_event_id": "e1", "truth": "honest", "source": "customer"}
    for family, fields in ((Override, override), (Label, label)):
        said = family(**{**shared, "event_id": family.__name__, **fields})
        outcome = story.judge(replace(story.log[-1], event=said))
        assert outcome.assessment is not None
        assert outcome.verdicts == ()
    assert story.verdict(Checkpoint, **ON_D2).decision == "step_up"
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


# Attempts and challenges


def test_within_an_attempt_severity_only_rises() -> None:
    story = known_customer()
    assert story.verdict(Checkpoint, attempt=1).decision == "allow"
    assert story.verdict(Checkpoint, attempt=1, observed=FARM).decision == "review"
    assert story.verdict(Checkpoint, attempt=1, after_s=HOUR_S).decision == "review"
    assert story.verdict(Checkpoint, attempt=2).decision == "allow"


def test_an_attempt_is_one_application_step_number_and_draw() -> None:
    story = known_customer()
    assert story.verdict(Checkpoint, **TRANSFER, observed=FARM).decision == "review"
    later = {"after_s": HOUR_S}
    assert story.verdict(Checkpoint, **TRANSFER, **later).decision == "review"
    for other in ({"application_id": "a2"}, {"attempt": 2}, {"draw_id": "w2"}, {"step": "agreement", "draw_id": None}):
        assert story.verdict(Checkpoint, **{**TRANSFER, **other}).decision == "allow", other


def test_a_passed_face_check_opens_the_next_attempt_and_not_this_one() -> None:
    story = with_new_device()
    first = story.verdict(Checkpoint, **ON_D2)
    assert (first.decision, first.challenge, codes(first)) == ("step_up", "face", {"NEW_DEVICE"})
    story.send(Challenge, outcome="issued", **ON_D2)
    story.send(Challenge, **ON_D2)
    assert story.verdict(Checkpoint, **ON_D2).decision == "step_up"
    second = story.verdict(Checkpoint, **ON_D2, attempt=2)
    assert (second.decision, second.reasons) == ("allow", ())


@pytest.mark.parametrize(
    "fields",
    [
        {"outcome": "failed"},
        {"outcome": "issued"},
        {"assurance": "claimed"},
        {"late_s": 301},
        {"device_id": "d3"},
        {"device_id": None},
    ],
    ids=str,
)
def test_no_other_challenge_opens_anything(fields: dict[str, Any]) -> None:
    story = with_new_device()
    story.send(Challenge, **{**ON_D2, **fields})
    assert "NEW_DEVICE" in codes(story.verdict(Checkpoint, **ON_D2))


def test_no_challenge_excuses_a_device_farm() -> None:
    story = Story()
    story.visit(observed=FARM)
    for method in ("otp", "face", "call_back", "bank_card"):
        story.send(Challenge, method=method)
    verdict = story.verdict(Checkpoint, observed=FARM)
    assert (verdict.decision, codes(verdict)) == ("review", {"SHARED_DEVICE"})


def test_an_exemption_answers_exactly_its_reasons_until_it_expires() -> None:
    a_minute = {"otp": ChallengeRule(answers=("FAILED_LOGINS",), lasts_s=MINUTE_S)}
    story = Story(rules(policy=policy_with(challenges=a_minute)))
    for _ in range(12):
        story.send(Login, outcome="failed", assurance="claimed", device_id="d9", session_id="x")
    assert codes(story.verdict(Login)) == {"FAILED_LOGINS"}
    story.send(Challenge, method="otp")
    assert story.verdict(Login, after_s=MINUTE_S / 2).reasons == ()
    assert codes(story.verdict(Login, device_id="d2", after_s=0)) == {"FAILED_LOGINS", "NEW_DEVICE"}
    assert codes(story.verdict(Login, observed=FARM, after_s=0)) == {"SHARED_DEVICE"}
    assert codes(story.verdict(Login, after_s=MINUTE_S / 2)) == {"FAILED_LOGINS", "SHARED_DEVICE"}


def test_a_one_time_code_does_not_answer_a_journey_that_nobody_makes() -> None:
    story = known_customer()
    story.send(Location, gps=PARIS)
    story.send(Challenge, method="otp")
    assert "IMPOSSIBLE_TRAVEL" in codes(story.verdict(Checkpoint))
    story.send(Challenge, method="face")
    assert story.verdict(Checkpoint, attempt=2).reasons == ()


def test_an_event_that_names_no_device_is_excused_like_its_visit() -> None:
    """Else the next keystrokes would take back what the face check had opened."""
    story = known_customer()
    assert story.send(Location, gps=PARIS).assessment.score > 0  # type: ignore[union-attr]
    story.send(Challenge)
    assert story.verdict(Checkpoint, **TRANSFER).decision == "allow"
    outcome = story.send(Keystroke, device_id=None)
    assert outcome.assessment is not None
    assert (outcome.assessment.score, outcome.verdicts) == (0, ())
    assert story.send(Keystroke, device_id="d9").assessment.score > 0  # type: ignore[union-attr]


# Revocations


def test_a_grave_doubt_takes_back_an_open_allow_once() -> None:
    story = known_customer()
    allow = story.verdict(Checkpoint, **TRANSFER)
    (revoked,) = story.send(Device, observed=FARM).verdicts
    assert (revoked.kind, revoked.revokes, revoked.decision) == ("revoke", allow.verdict_id, "review")
    for field in ("subject_id", "application_id", "step", "attempt", "draw_id"):
        assert getattr(revoked, field) == getattr(allow, field)
    assert (revoked.expires_ms, revoked.score, codes(revoked)) == (allow.expires_ms, 700, {"SHARED_DEVICE"})
    assert story.send(Device, observed=FARM).verdicts == ()


def test_an_allow_that_has_expired_is_not_taken_back() -> None:
    for wait_s, n_revoked in ((119, 1), (120, 0)):
        story = known_customer()
        story.verdict(Checkpoint, **TRANSFER)
        assert len(story.send(Device, observed=FARM, after_s=wait_s).verdicts) == n_revoked


def test_a_mere_claim_takes_nothing_back() -> None:
    story = known_customer()
    story.verdict(Checkpoint, **TRANSFER)
    outcome = story.send(Device, observed=FARM, assurance="claimed", session_id="x")
    assert outcome.assessment is not None
    assert (outcome.assessment.score, outcome.verdicts) == (700, ())
    assert len(story.send(Device, observed=FARM).verdicts) == 1


def test_a_light_doubt_takes_nothing_back() -> None:
    story = known_customer()
    story.verdict(Checkpoint, **TRANSFER)
    assert story.send(Device, observed=replace(FARM, device_subjects_1h=4)).verdicts == ()


def test_what_another_visit_did_not_send_takes_nothing_back() -> None:
    story = known_customer()
    story.verdict(Checkpoint, **TRANSFER)
    story.send(Login, session_id="v2")
    (answer,) = story.send(Checkpoint, **{**TRANSFER, "draw_id": "w2"}, session_id="v2").verdicts
    assert (answer.kind, answer.decision, answer.missing) == ("gate", "review", ("device", "gps|ip"))


def test_a_question_that_is_answered_gravely_takes_back_the_earlier_allow_too() -> None:
    story = known_customer()
    allow = story.verdict(Checkpoint, **TRANSFER)
    revoked, answer = story.send(Checkpoint, **TRANSFER, observed=FARM).verdicts
    assert (revoked.revokes, revoked.kind, answer.kind, answer.decision) == (
        allow.verdict_id,
        "revoke",
        "gate",
        "review",
    )
    assert len({allow.verdict_id, revoked.verdict_id, answer.verdict_id}) == 3


def test_a_transfers_allow_can_still_be_taken_back_after_many_allows_of_earlier_steps() -> None:
    story = known_customer()
    allow = story.verdict(Checkpoint, **TRANSFER)
    for i in range(5):
        story.verdict(Checkpoint, step="eligibility", application_id=f"b{i}")
    assert allow.verdict_id in {verdict.revokes for verdict in story.send(Device, observed=FARM).verdicts}


# Who may move what


def test_a_checkpoint_that_nobody_vouches_for_is_asked_for_one_more_proof() -> None:
    story = known_customer()
    verdict = story.verdict(Checkpoint, **TRANSFER, assurance="claimed")
    assert (verdict.decision, verdict.missing, verdict.challenge) == ("step_up", ("assurance",), "face")
    assert story.verdict(Checkpoint, step="eligibility", assurance="claimed").decision == "step_up"
    assert story.verdict(Checkpoint, **TRANSFER, attempt=2).decision == "allow"


def test_claims_of_strangers_do_not_lock_the_customer_out() -> None:
    story = known_customer()
    for i in range(100):
        story.send(Device, assurance="claimed", session_id=f"x{i}", device_id=f"x{i}", observed=FARM, after_s=0)
        story.send(Login, outcome="failed", assurance="claimed", session_id=f"x{i}", device_id=f"x{i}", after_s=0)
    assert story.verdict(Checkpoint, **TRANSFER).decision == "allow"
    later = story.verdict(Login, session_id="v3", after_s=MINUTE_S)
    assert codes(later) == {"FAILED_LOGINS"}
    assert later.decision in ("allow", "step_up")
    story.send(Challenge, method="otp", session_id="v3")
    assert story.verdict(Login, session_id="v3").decision == "allow"


def test_claims_do_not_push_out_the_doubts_about_a_vouched_session() -> None:
    story = known_customer()
    story.send(Device, observed=CROWD)
    before = story.verdict(Checkpoint, attempt=1)
    for i in range(20):
        story.send(Device, observed=FARM, assurance="claimed", session_id=f"x{i}", after_s=0)
    after = story.verdict(Checkpoint, attempt=2)
    assert codes(before) == codes(after) == {"SHARED_DEVICE"}
    assert before.decision == after.decision == "step_up"


def test_a_doubt_raised_before_the_login_weighs_after_it() -> None:
    story = known_customer()
    story.send(Device, observed=FARM, assurance="claimed", session_id="v2")
    story.visit(session_id="v2")
    for i in range(20):
        story.send(Device, observed=FARM, assurance="claimed", session_id=f"x{i}", after_s=0)
    assert codes(story.verdict(Checkpoint, session_id="v2")) == {"SHARED_DEVICE"}


def test_claims_add_no_evidence_to_a_visit_that_is_vouched_for() -> None:
    story = Story()
    story.send(Login)
    story.send(Device, assurance="claimed")
    story.send(Location, assurance="claimed")
    assert story.verdict(Checkpoint, **TRANSFER).missing == ("device", "gps|ip")


def test_whoever_logs_in_vouches_for_what_the_visit_sent_before() -> None:
    story = known_customer()
    story.send(Device, assurance="claimed", session_id="v2")
    story.send(Location, assurance="claimed", session_id="v2")
    story.send(Login, session_id="v2")
    assert story.verdict(Checkpoint, **TRANSFER, session_id="v2").missing == ()


def test_late_evidence_is_no_evidence_but_may_raise_a_doubt() -> None:
    story = Story()
    story.send(Login)
    story.send(Device, late_s=301)
    story.send(Location, late_s=301)
    verdict = story.verdict(Checkpoint, **TRANSFER)
    assert verdict.missing == ("device", "gps|ip")
    outcome = story.send(Device, late_s=301, observed=FARM)
    assert outcome.assessment is not None
    assert outcome.assessment.deferred
    assert codes(story.verdict(Checkpoint, **TRANSFER)) == {"SHARED_DEVICE"}


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
