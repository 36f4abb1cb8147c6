"""An amount is judged together with what goes before it: for the person, on the device, to the payee."""

import pytest
from msgspec.structs import replace
from tests.unit.fraud.story import CROWD, FARM, TRANSFER, Story, codes, known_customer, policy_with, rules

from menshen.contract.events import Challenge, Checkpoint, Device, Exposure, Outlay, Override
from menshen.contract.verdict import Verdict
from menshen.fraud.policy import ChallengeRule, ExposureLimit
from menshen.fraud.step import Rules

NOTHING = Outlay(open="0.00", day="0.00", month="0.00")


def before(of: str, **figures: str) -> Exposure:
    return Exposure(**{of: replace(NOTHING, **figures)})


def with_limits(*limits: ExposureLimit) -> Rules:
    point = replace(rules().policy.fund_transfer, exposure=limits)
    return rules(policy=policy_with(fund_transfer=point))


def asked(amount: str, exposure: Exposure | None, by: Rules | None = None) -> Verdict:
    return known_customer(by).verdict(Checkpoint, **{**TRANSFER, "amount": amount}, exposure=exposure)


@pytest.mark.parametrize(
    ("of", "over", "limit"),
    [("person", "open", 200_000), ("person", "day", 100_000), ("device", "day", 100_000), ("payee", "day", 50_000)],
)
def test_beyond_a_limit_a_person_looks_at_it_and_not_at_the_limit(of: str, over: str, limit: int) -> None:
    within, beyond = (asked("100.00", before(of, **{over: f"{limit - 100}.{cents}"})) for cents in ("00", "01"))
    assert (within.decision, within.reasons) == ("allow", ())
    assert (beyond.decision, beyond.score) == ("review", 100)
    (reason,) = beyond.reasons
    assert reason.code == "EXPOSURE"
    assert reason.evidence == {f"{of}_{over}_total": limit + 0.01, f"{of}_{over}_limit": float(limit)}


def test_the_sum_is_compared_to_the_last_cent() -> None:
    """As floating-point numbers 0.10 and 0.20 are more than 0.30."""
    by = with_limits(ExposureLimit("person", "month", "0.30", "block"))
    assert asked("0.10", before("person", month="0.20"), by).decision == "allow"
    assert asked("0.10", before("person", month="0.21"), by).decision == "block"


def test_what_is_not_told_counts_as_nothing_and_the_amount_counts_alone() -> None:
    by = with_limits(ExposureLimit("payee", "day", "500.00", "step_up"))
    for exposure in (None, Exposure(), before("person", day="900.00"), before("payee", open="900.00")):
        assert asked("500.00", exposure, by).decision == "allow"
        assert asked("500.01", exposure, by).decision == "step_up"


def test_the_gravest_of_the_limits_that_are_exceeded_decides() -> None:
    limits = [
        ExposureLimit("person", "day", f"{n}00.00", each) for n, each in ((1, "step_up"), (3, "block"), (2, "review"))
    ]
    by = with_limits(*limits)
    decisions = [asked("50.00", before("person", day=f"{n}00.00"), by).decision for n in (0, 1, 2, 3)]
    assert decisions == ["allow", "step_up", "review", "block"]


def test_many_small_draws_within_a_day_are_judged_as_strictly_as_a_large_one() -> None:
    few = replace(CROWD, device_subjects_1h=4)
    decisions = []
    for exposure in (
        before("person", day="40000.99"),
        before("person", day="40001.00"),
        before("payee", day="40001.00"),
    ):
        story = Story()
        story.visit(observed=few)
        draw = {**TRANSFER, "amount": "9999.00", "exposure": exposure}
        decisions.append(story.verdict(Checkpoint, **draw).decision)
    assert decisions == ["allow", "step_up", "allow"]


def test_an_exceeded_limit_takes_no_other_allow_back() -> None:
    story = known_customer(with_limits(ExposureLimit("person", "day", "500.00", "block")))
    assert story.verdict(Checkpoint, **TRANSFER).decision == "allow"
    beyond = {"draw_id": "w2", "exposure": before("person", day="900.00")}
    (answer,) = story.send(Checkpoint, **{**TRANSFER, **beyond}).verdicts
    assert (answer.kind, answer.decision) == ("gate", "block")


def test_the_assessment_gives_the_reason_too() -> None:
    outcome = known_customer().send(Checkpoint, **TRANSFER, exposure=before("person", day="100000.00"))
    assert outcome.assessment is not None
    assert [reason.code for reason in outcome.assessment.reasons] == ["EXPOSURE"]
    assert outcome.assessment.score == outcome.verdicts[0].score == 100


def test_people_who_saw_that_a_limit_is_exceeded_can_allow_it() -> None:
    story, beyond = known_customer(), before("payee", day="50000.00")
    assert story.verdict(Checkpoint, **TRANSFER, exposure=beyond).decision == "review"
    story.send(Override, **TRANSFER)
    second = story.verdict(Checkpoint, **TRANSFER, attempt=2, exposure=beyond)
    assert (second.decision, codes(second)) == ("allow", {"EXPOSURE"})


def test_a_limit_that_is_exceeded_only_later_is_new_to_them() -> None:
    story = known_customer(rules(policy=policy_with(weights=rules().policy.weights | {"EXPOSURE": 0})))
    story.send(Device, observed=FARM)
    assert story.verdict(Checkpoint, **TRANSFER).decision == "review"
    story.send(Override, **TRANSFER)
    beyond = before("payee", day="50000.00")
    assert story.verdict(Checkpoint, **TRANSFER, attempt=2, exposure=beyond).decision == "review"
    assert story.verdict(Checkpoint, **TRANSFER, attempt=3).decision == "allow"


def test_a_challenge_answers_a_limit_where_the_policy_says_so() -> None:
    rule = {"face": ChallengeRule(answers=("EXPOSURE",), lasts_s=60)}
    story = known_customer(rules(policy=policy_with(challenges=rule)))
    story.send(Challenge)
    verdict = story.verdict(Checkpoint, **TRANSFER, exposure=before("person", day="100000.00"))
    assert (verdict.decision, verdict.reasons) == ("allow", ())
