"""What people decide holds for exactly what they looked at, and answers what they saw and nothing that comes later."""

from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.fraud.story import (
    CROWD,
    FARM,
    HOUR_S,
    PARIS,
    TRANSFER,
    Story,
    codes,
    known_customer,
    policy_with,
    rules,
)

from menshen.contract.events import Checkpoint, Device, Location, Login, Override
from menshen.fraud.excusing import MAX_RULINGS
from menshen.fraud.step import Rules

TWO = ["o1", "o2"]
SEVERE = policy_with(weights=dict.fromkeys(rules().policy.weights, 800))
"""Under which a device farm is blocked at a transfer."""


def ask(story: Story, attempt: int = 1, **fields: Any) -> str:
    return story.verdict(Checkpoint, **{**TRANSFER, "attempt": attempt, **fields}).decision


def overrule(story: Story, decision: str = "allow", **fields: Any) -> Any:
    return story.send(Override, **{**TRANSFER, "decision": decision, "session_id": "review-1", **fields})


def in_review(by: Rules | None = None) -> Story:
    """A customer whose transfer waits for a person to look at it, because of his device."""
    story = known_customer(by)
    assert ask(story, observed=FARM) == "review"
    return story


def blocked() -> Story:
    story = known_customer(rules(policy=SEVERE))
    assert ask(story, observed=FARM) == "block"
    return story


# An allow


def test_an_allow_opens_the_next_attempt_and_the_verdict_goes_on_saying_what_was_found() -> None:
    story = in_review()
    assert overrule(story).verdicts == ()
    assert ask(story, 1, observed=FARM) == "review"
    verdict = story.verdict(Checkpoint, **TRANSFER, attempt=2, observed=FARM)
    assert (verdict.decision, verdict.score, codes(verdict)) == ("allow", 700, {"SHARED_DEVICE"})
    assert ask(story, 3, observed=FARM, session_id="v9") == "allow"


@pytest.mark.parametrize(
    "other",
    [
        {"application_id": "a2"},
        {"step": "limit_activation"},
        {"draw_id": "w2"},
        {"payee_ref": "p2"},
        {"amount": "100.01"},
        {"currency": "USD"},
        {"device_id": "d2"},
    ],
    ids=str,
)
def test_it_opens_nothing_but_exactly_what_they_looked_at(other: dict[str, Any]) -> None:
    story = in_review(rules(policy=policy_with(weights=rules().policy.weights | {"NEW_DEVICE": 0})))
    overrule(story)
    assert ask(story, 2, **other, observed=FARM) in ("review", "block")
    assert ask(story, 3, observed=FARM) == "allow"


@pytest.mark.parametrize("fields", [{"assurance": "claimed"}, {"late_s": 301}, {"attempt": 2}], ids=str)
def test_no_other_allow_opens_anything(fields: dict[str, Any]) -> None:
    story = in_review()
    overrule(story, operators=TWO, **fields)
    assert ask(story, 2, observed=FARM) == "review"


def test_it_holds_for_as_long_as_the_policy_says() -> None:
    for wait_s, decision in ((HOUR_S - 1, "allow"), (HOUR_S, "review")):
        story = in_review()
        overrule(story)
        assert ask(story, 2, observed=FARM, after_s=wait_s) == decision


def test_it_answers_evidence_that_did_not_come_and_vouches_for_nobody() -> None:
    story = Story()
    story.send(Login)
    assert ask(story) == "review"
    overrule(story)
    assert ask(story, 2, assurance="claimed") == "step_up"
    verdict = story.verdict(Checkpoint, **TRANSFER, attempt=3)
    assert (verdict.decision, verdict.missing) == ("allow", ("device", "gps|ip"))


def test_an_allow_over_a_lesser_doubt_answers_evidence_that_did_not_come_too() -> None:
    story = known_customer()
    assert ask(story, observed=CROWD) == "step_up"
    overrule(story)
    story.send(Login, session_id="v2")
    verdict = story.verdict(Checkpoint, **TRANSFER, attempt=2, session_id="v2", observed=CROWD)
    assert (verdict.decision, verdict.missing) == ("allow", ("device", "gps|ip"))


def test_it_takes_no_other_allow_back() -> None:
    story = known_customer()
    assert ask(story, draw_id="w2") == "allow"
    assert overrule(story).verdicts == ()


def test_reasons_that_no_person_can_answer_go_on_weighing() -> None:
    kept = replace(rules().policy.override, never=("SHARED_DEVICE",))
    story = in_review(rules(policy=policy_with(override=kept)))
    overrule(story, operators=TWO)
    assert ask(story, 2, observed=FARM) == "review"


# What comes up later


def test_a_reason_that_came_up_later_counts_in_full_and_the_others_do_not() -> None:
    story = blocked()
    overrule(story, operators=TWO)
    story.send(Location, gps=PARIS)
    verdict = story.verdict(Checkpoint, **TRANSFER, attempt=2, observed=FARM)
    assert (verdict.decision, codes(verdict)) == ("block", {"SHARED_DEVICE", "IMPOSSIBLE_TRAVEL"})
    milder = Story(rules(policy=policy_with(weights=SEVERE.weights | {"IMPOSSIBLE_TRAVEL": 420})), story.subject)
    milder.now_ms = story.now_ms
    assert milder.verdict(Checkpoint, **TRANSFER, attempt=3, event_id="e", observed=FARM).decision == "step_up"


def test_a_later_reason_does_not_hide_behind_the_ones_that_have_gone() -> None:
    """As strong in sum, and nothing of it was there when they looked."""
    story = in_review(rules(policy=policy_with(weights=rules().policy.weights | {"IMPOSSIBLE_TRAVEL": 700})))
    overrule(story)
    story.send(Location, gps=PARIS, session_id="v2")
    story.send(Device, session_id="v2")
    verdict = story.verdict(Checkpoint, **TRANSFER, attempt=2, session_id="v2")
    assert (verdict.decision, verdict.score, codes(verdict)) == ("review", 700, {"IMPOSSIBLE_TRAVEL"})


def test_an_allow_is_void_once_the_same_reasons_are_graver_than_they_were() -> None:
    story = known_customer()
    assert ask(story, observed=CROWD) == "step_up"
    overrule(story)
    assert ask(story, 2, observed=CROWD) == "allow"
    assert ask(story, 3, observed=FARM) == "review"


def test_what_they_saw_does_not_take_the_allow_back_and_what_they_did_not_see_does() -> None:
    story = in_review()
    overrule(story)
    assert ask(story, 2, observed=FARM) == "allow"
    assert story.send(Device, observed=FARM).verdicts == ()
    (revoked,) = story.send(Location, gps=PARIS).verdicts
    assert (revoked.kind, revoked.attempt, revoked.decision) == ("revoke", 2, "block")


# Two people


def test_a_block_takes_two_people_to_lift() -> None:
    story = blocked()
    overrule(story)
    assert ask(story, 2, observed=FARM) == "block"
    overrule(story, operators=TWO, attempt=2)
    assert ask(story, 3, observed=FARM) == "allow"


def test_an_attempt_that_is_not_remembered_takes_two_people_and_they_answer_what_stands_then() -> None:
    for operators, decision in ((["o1"], "review"), (TWO, "allow")):
        story = known_customer()
        story.send(Device, observed=FARM)
        overrule(story, operators=operators)
        assert ask(story, 2, observed=FARM) == decision
    story = known_customer()
    overrule(story, operators=TWO)
    assert ask(story, 2, observed=FARM) == "review"


def test_doubts_that_nobody_vouches_for_are_not_among_what_stands() -> None:
    story = known_customer()
    story.send(Device, observed=FARM, assurance="claimed", session_id="x")
    overrule(story, operators=TWO)
    assert ask(story, 2, observed=FARM) == "review"


def test_what_a_mere_claim_or_a_late_question_made_look_grave_is_not_what_they_saw() -> None:
    for fields in ({"assurance": "claimed"}, {"late_s": 301}):
        story = known_customer()
        ask(story, observed=FARM, **fields)
        overrule(story)
        assert ask(story, 2, observed=FARM) == "review"


# A block


def test_people_block_this_attempt_and_every_other_at_exactly_that() -> None:
    story = known_customer()
    assert ask(story, 2) == "allow"
    overrule(story, "block", attempt=2)
    assert [ask(story, attempt) for attempt in (1, 2, 3)] == ["block"] * 3
    assert ask(story, 1, draw_id="w2") == "allow"


def test_when_a_block_has_run_out_its_attempt_stays_blocked_and_a_later_one_is_judged_anew() -> None:
    story = known_customer()
    overrule(story, "block", attempt=2)
    assert ask(story, 2, after_s=HOUR_S) == "block"
    assert ask(story, 3) == "allow"


def test_a_block_takes_back_all_that_the_application_was_allowed() -> None:
    story = known_customer()
    asked = ({}, {"draw_id": "w2"}, {"application_id": "a2"})
    allows = [story.verdict(Checkpoint, **{**TRANSFER, **fields}).verdict_id for fields in asked]
    revoked = overrule(story, "block", draw_id="w3").verdicts
    assert {(each.kind, each.decision, each.revokes) for each in revoked} == {
        ("revoke", "block", verdict_id) for verdict_id in allows[:2]
    }


def test_a_late_block_counts_and_a_claimed_one_does_not() -> None:
    for fields, decision, n_revoked in (({"late_s": 301}, "block", 1), ({"assurance": "claimed"}, "allow", 0)):
        story = known_customer()
        ask(story)
        assert len(overrule(story, "block", **fields).verdicts) == n_revoked
        assert ask(story) == decision
        assert ask(story, 2) == decision


def test_the_newest_decision_on_a_question_counts() -> None:
    story = in_review()
    overrule(story)
    overrule(story, "block")
    assert ask(story, 2, observed=FARM) == "block"


def test_one_person_does_not_lift_the_block_of_another_by_naming_another_attempt() -> None:
    story = in_review()
    overrule(story, "block", attempt=2)
    overrule(story, attempt=1)
    assert ask(story, 3, observed=FARM) == "block"
    overrule(story, attempt=1, operators=TWO)
    assert ask(story, 4, observed=FARM) == "allow"


def test_people_block_also_while_the_model_is_out_of_order() -> None:
    story = known_customer(rules(model=None))
    overrule(story, "block")
    verdict = story.verdict(Checkpoint, **TRANSFER, attempt=2)
    assert (verdict.decision, verdict.degraded) == ("block", True)


# Memory


def test_a_question_is_remembered_by_16_bytes() -> None:
    """Of fewer, whoever chooses names could make two questions meet: one for people to see, another to get through."""
    story = in_review()
    overrule(story)
    assert [len(ruling.key) for ruling in story.subject.rulings] == [16]


def test_the_oldest_allow_gives_way_and_a_block_to_no_allow() -> None:
    story = known_customer()
    overrule(story, "block", draw_id="w0")
    for draw_id in ("w1", "w2", "w3"):
        assert ask(story, draw_id=draw_id, observed=FARM) == "review"
        overrule(story, draw_id=draw_id)
        assert len(story.subject.rulings) <= MAX_RULINGS
    assert ask(story, 2, draw_id="w0") == "block"
    assert [ask(story, 2, draw_id=f"w{i}", observed=FARM) for i in (1, 2, 3)] == ["review", "review", "allow"]
