"""A policy is refused with everything that is wrong, or it means what it says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.fraud.story import CODES, DEFAULT_POLICY, default_policy

from menshen.contract.verdict import SEVERITY
from menshen.fraud.policy import AmountBand, DecisionPoint, PolicyError, Thresholds, gravest, parse_policy

TEXT = DEFAULT_POLICY.read_text(encoding="utf-8")
AGREEMENT = "[agreement]\nthresholds = { step_up = 300, review = 650, block = 850 }"
BAND = '{ amount = "50000.00", thresholds = { step_up = 150, review = 400, block = 650 } }'
LIMIT = '{ of = "payee", over = "day", above = "50000.00", decision = "review" }'


def but(text: str, instead: str) -> str:
    assert TEXT.count(text) == 1, text
    return TEXT.replace(text, instead)


def refusal(text: str) -> str:
    with pytest.raises(PolicyError) as refused:
        parse_policy(text, CODES)
    return str(refused.value)


def test_the_policy_that_is_delivered_fits_the_reasons_that_exist() -> None:
    policy = default_policy()
    assert policy.version == "default-1"
    assert policy.at(None) is policy.login
    assert policy.at("fund_transfer") is policy.fund_transfer


def test_people_may_answer_exposure_and_any_code_may_be_kept_from_them() -> None:
    assert default_policy().override.never == ()
    kept = parse_policy(but("never = []", 'never = ["EXPOSURE", "SHARED_DEVICE"]'), CODES)
    assert kept.override.never == ("EXPOSURE", "SHARED_DEVICE")


def test_missing_evidence_asks_for_more_the_nearer_the_money_is() -> None:
    """Nothing at eligibility, one more proof at the signature, a person at activation and transfer."""
    policy = default_policy()
    steps = ("eligibility", "agreement", "limit_activation", "fund_transfer")
    assert [policy.at(step).when_missing for step in steps] == ["allow", "step_up", "review", "review"]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "policy cannot be read"),
        ("version = ", "policy cannot be read"),
        ('version = "x"', "missing required field"),
        (but('version = "default-1"', 'version = ""'), "length >= 1"),
        (but("NEW_DEVICE = 320\n", ""), "weights: NEW_DEVICE is missing"),
        (but("ANOMALY = 80\n", ""), "weights: ANOMALY is missing"),
        (but("NEW_DEVICE = 320\n", "NEW_DEVICE = 320\nGUT_FEELING = 1\n"), "weights: GUT_FEELING is no known reason"),
        (but("NEW_DEVICE = 320\n", "NEW_DEVICE = 1001\n"), "<= 1000"),
        (but("NEW_DEVICE = 320\n", "NEW_DEVICE = -1\n"), ">= 0"),
        (but("NEW_DEVICE = 320\n", "NEW_DEVICE = 0.5\n"), "Expected `int`"),
        (but("risk_from_pm = 300", "risk_from_pm = 1000"), "<= 999"),
        (but(AGREEMENT, AGREEMENT.replace("300", "651")), "agreement: thresholds must rise"),
        (but(AGREEMENT, AGREEMENT.replace("650", "851")), "agreement: thresholds must rise"),
        (but(AGREEMENT, AGREEMENT.replace("300", "0")), "agreement: thresholds must rise"),
        (but(BAND, BAND.replace("400", "100")), "fund_transfer: thresholds must rise"),
        (but(BAND, BAND.replace("150", "300")), "fund_transfer: thresholds from 50000.00 on must not be milder"),
        (
            but(BAND, f"{BAND}, {BAND.replace('50000', '60000').replace('150', '160')}"),
            "thresholds from 60000.00 on must not be milder",
        ),
        (but(BAND, BAND.replace('"50000.00"', '"50000"')), "matching regex"),
        (but(BAND, BAND.replace('"50000.00"', "50000.00")), "Expected `str`"),
        (but('challenge = "otp"\nlifetime_s = 900', 'challenge = "hope"\nlifetime_s = 900'), "Invalid enum value"),
        (but("lifetime_s = 120", "lifetime_s = 0"), ">= 1"),
        (but("lifetime_s = 120", "lifetime_s = 120\nlifetime_ms = 5"), "unknown field `lifetime_ms`"),
        (but('when_missing = "step_up"', 'when_missing = "block"'), "agreement: when_missing must not be block"),
        (but('expects = ["device"]', 'expects = ["device", "gsp|ip"]'), "agreement: 'gsp' is expected"),
        (but('expects = ["device"]', 'expects = [""]'), "agreement: '' is expected"),
        (but('code = "MOCKED_LOCATION"', 'code = "MOCKING"'), "MOCKING is named, but is no known reason"),
        (but('answers = ["FAILED_LOGINS"]', 'answers = ["FAILED"]'), "FAILED is named, but is no known reason"),
        (but("never = []", 'never = ["LISTED"]'), "LISTED is named, but is no known reason"),
        (but("people_for_block = 2", "people_for_block = 0"), ">= 1"),
        (but("people_for_block = 2", "people_for_block = 5"), "<= 4"),
        (
            but("[override]\nlasts_s = 3600\npeople_for_block = 2\nnever = []\n", ""),
            "missing required field `override`",
        ),
        (but("EXPOSURE = 100\n", ""), "weights: EXPOSURE is missing"),
        (but(LIMIT, LIMIT.replace("payee", "friend")), "Invalid enum value 'friend'"),
        (but(LIMIT, LIMIT.replace("day", "year")), "Invalid enum value 'year'"),
        (but(LIMIT, LIMIT.replace('"50000.00"', '"50000"')), "matching regex"),
        (but("[challenges.otp]", "[challenges.letter]"), "Invalid enum value"),
        (TEXT[: TEXT.index("[challenges.face]")], "fund_transfer: challenge 'face' has no entry under challenges"),
        (TEXT + "\n[transfer]\n", "unknown field `transfer`"),
    ],
)
def test_what_is_wrong_with_a_policy_is_named(text: str, complaint: str) -> None:
    assert complaint in refusal(text)


def test_all_that_is_wrong_is_named_at_once() -> None:
    text = but("NEW_DEVICE = 320\n", "").replace('when_missing = "step_up"', 'when_missing = "block"')
    text = text.replace('code = "SHARED_DEVICE"', 'code = "CROWDED"').replace('"gps|ip"', '"gps|ipv6"')
    message = refusal(text.replace("step_up = 400", "step_up = 701"))
    for complaint in ("NEW_DEVICE is missing", "when_missing must not", "CROWDED", "'ipv6'", "eligibility: thresholds"):
        assert complaint in message
    assert message.startswith("policy default-1: ")


def test_a_detector_more_needs_a_weight_more() -> None:
    with pytest.raises(PolicyError, match="weights: NEXT_YEARS_DOUBT is missing"):
        parse_policy(TEXT, {*CODES, "NEXT_YEARS_DOUBT"})


@pytest.mark.parametrize(
    ("score", "decision"),
    [
        (0, "allow"),
        (299, "allow"),
        (300, "step_up"),
        (649, "step_up"),
        (650, "review"),
        (850, "block"),
        (1000, "block"),
    ],
)
def test_a_threshold_is_reached_at_exactly_its_points(score: int, decision: str) -> None:
    assert Thresholds(step_up=300, review=650, block=850).decision(score) == decision


@given(st.integers(0, 999))
def test_a_higher_score_is_never_decided_more_mildly(score: int) -> None:
    for point in (default_policy().login, default_policy().fund_transfer):
        milder, graver = point.thresholds.decision(score), point.thresholds.decision(score + 1)
        assert SEVERITY[milder] <= SEVERITY[graver]


def test_an_amount_meets_the_highest_band_that_it_reaches_whatever_their_order() -> None:
    bands = tuple(AmountBand(amount, Thresholds(n, 900, 950)) for amount, n in (("900.00", 2), ("10000.00", 1)))
    for ordered in (bands, bands[::-1]):
        point = DecisionPoint(thresholds=Thresholds(3, 900, 950), lifetime_s=1, challenge="otp", bands=ordered)
        amounts = (None, "0.00", "899.99", "900.00", "9999.99", "10000.00", "999999999999.99")
        assert [point.thresholds_for(amount).step_up for amount in amounts] == [3, 3, 3, 2, 2, 1, 1]


def test_the_gravest_decision_is_the_nearest_to_block() -> None:
    assert gravest("step_up", "allow") == "step_up"
    assert gravest("review", "block", "allow") == "block"
    assert gravest("allow") == "allow"
