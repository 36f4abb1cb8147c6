"""An attempt keeps its gravest answer; a passed challenge opens the next one, as far as its method reaches."""

from typing import Any

import pytest
from tests.unit.fraud.story import (
    FARM,
    HOUR_S,
    MINUTE_S,
    ON_D2,
    PARIS,
    TRANSFER,
    Story,
    codes,
    known_customer,
    policy_with,
    rules,
    with_new_device,
)

from menshen.contract.events import Challenge, Checkpoint, Keystroke, Location, Login
from menshen.fraud.policy import ChallengeRule


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
