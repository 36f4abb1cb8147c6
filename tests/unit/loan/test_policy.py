"""A loan policy is refused whole, with everything that is wrong with it."""

import re

import pytest
from tests.unit.loan.story import POLICY, POLICY_TEXT

from menshen.loan.policy import LoanPolicyError, Refusals, parse_loan_policy
from menshen.loan.refusal import waits_until_ms

DAY_MS = 86_400_000


def changed(**of_section: str) -> str:
    """The default policy with lines of a section put before those that are there."""
    text = POLICY_TEXT
    for section, line in of_section.items():
        name = line.partition(" ")[0]
        head, tail = text.split(f"[{section}]\n")
        body, *rest = tail.split("\n[", 1)
        kept = "\n".join(old for old in body.splitlines() if not old.startswith(f"{name} "))
        text = "\n[".join([f"{head}[{section}]\n{line}\n{kept}\n", *rest])
    return text


def test_everything_that_is_wrong_is_named_at_once() -> None:
    text = changed(
        agreement='silence = "provisional"',
        limit_activation='proofs = ["otp", "otp"]',
        fund_transfer='silence = "prove"',
    ).replace('ceiling = "200000.00"', 'ceiling = "0.00"')
    with pytest.raises(LoanPolicyError) as refused:
        parse_loan_policy(text)
    said = str(refused.value)
    assert said.startswith("loan policy default-1: ")
    for part in ("ceiling", "agreement: silence", "limit_activation: proofs", "fund_transfer: silence must be park"):
        assert part in said


@pytest.mark.parametrize("silence", ["provisional", "prove", "review"])
def test_no_policy_lets_silence_move_money_or_anything_towards_it(silence: str) -> None:
    with pytest.raises(LoanPolicyError, match="fund_transfer: silence must be park"):
        parse_loan_policy(changed(fund_transfer=f'silence = "{silence}"'))


def test_a_transfer_is_not_asked_again_by_itself() -> None:
    with pytest.raises(LoanPolicyError, match="retry_s must not be given"):
        parse_loan_policy(changed(fund_transfer="retry_s = 60"))


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("attempts_a_day = 3", "attempts_a_day = 0", "attempts_a_day"),
        ("attempts_a_day = 3", "attempts = 3", "attempts"),
        ("deadline_ms = 800", "deadline_ms = 80000", "eligibility.deadline_ms"),
        ('currency = "CNY"', 'currency = "yuan"', "currency"),
        ("data = 30", "mood = 30", "by_kind"),
        ("wait_days = 90", "wait_days = -1", "wait_days"),
        ("[eligibility]", "[eligibility", "cannot be read"),
    ],
)
def test_what_cannot_be_read_says_where(old: str, new: str, what: str) -> None:
    assert old in POLICY_TEXT
    with pytest.raises(LoanPolicyError, match=re.escape(what)):
        parse_loan_policy(POLICY_TEXT.replace(old, new))


def test_a_changed_policy_that_is_sound_is_taken() -> None:
    assert parse_loan_policy(changed(agreement='silence = "review"')).agreement.silence == "review"


def test_a_waiting_time_is_that_of_its_kind_or_the_general_one() -> None:
    assert waits_until_ms("data", 5, POLICY.refusal) == 5 + 30 * DAY_MS
    for kind in ("fraud", "identity", "credit", "behaviour", "debt"):
        assert waits_until_ms(kind, 5, POLICY.refusal) == 5 + 90 * DAY_MS
    assert waits_until_ms("credit", 0, Refusals(wait_days=1, by_kind={"credit": 0})) == 0
