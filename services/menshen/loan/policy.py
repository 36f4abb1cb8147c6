"""What a lender decides about the path of a loan: deadlines, what silence means, proofs, limits, waiting times."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from menshen.contract.events import ChallengeMethod, Currency, Money, Step
from menshen.loan.path import STEPS, TRANSFER

Silence = Literal["provisional", "prove", "review", "park"]
RefusalKind = Literal["fraud", "identity", "credit", "data", "behaviour", "debt"]
Days = Annotated[int, Meta(ge=0, le=3650)]
Seconds = Annotated[int, Meta(ge=1, le=31_536_000)]


class LoanPolicyError(ValueError):
    """The loan policy cannot be used; the message names everything that is wrong with it."""


class StepRules(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One step: how long a verdict may take, what its absence means, and which proofs the step asks for by itself.

    `silence` is `provisional` (go on for now), `prove` (one more proof, `silence_proof`), `review` (a person looks) or
    `park` (shut). Where nobody has answered it is asked again after `retry_s`, if that is given.
    """

    deadline_ms: Annotated[int, Meta(ge=50, le=60_000)]
    silence: Silence
    silence_proof: ChallengeMethod = "otp"
    proofs: tuple[ChallengeMethod, ...] = ()
    retry_s: Seconds | None = None


class Refusals(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long a refused customer waits before applying again, in days: in general, and by kind."""

    wait_days: Days = 90
    by_kind: dict[RefusalKind, Days] = {}


class LoanPolicy(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole policy. Amounts are in `currency`; `ceiling` is the most that any limit may be."""

    version: Annotated[str, Meta(min_length=1, max_length=64)]
    currency: Currency
    ceiling: Money
    attempts_a_day: Annotated[int, Meta(ge=1, le=20)] = 3
    draws_a_day: Annotated[int, Meta(ge=1, le=1000)] = 10
    challenge_lasts_s: Seconds = 300
    review_lasts_s: Seconds = 86_400
    appeal_lasts_s: Seconds = 259_200
    eligibility: StepRules
    agreement: StepRules
    limit_activation: StepRules
    fund_transfer: StepRules
    refusal: Refusals = Refusals()

    def at(self, step: Step) -> StepRules:
        """Return the rules of a step."""
        rules: StepRules = getattr(self, step)
        return rules


def parse_loan_policy(text: str) -> LoanPolicy:
    """Read a policy from TOML.

    Raises
    ------
    LoanPolicyError
        With everything that is wrong. Nothing was changed; mend the file and call again.
    """
    try:
        policy = msgspec.toml.decode(text, type=LoanPolicy)
    except (msgspec.MsgspecError, ValueError) as error:
        raise LoanPolicyError(f"loan policy cannot be read: {error}") from None
    if problems := list(_problems(policy)):
        raise LoanPolicyError(f"loan policy {policy.version}: " + "; ".join(problems))
    return policy


def _problems(policy: LoanPolicy) -> Iterator[str]:
    if Decimal(policy.ceiling) <= 0:
        yield "ceiling must be above 0"
    for step in STEPS:
        rules = policy.at(step)
        if step == TRANSFER and rules.silence != "park":
            yield f"{step}: silence must be park: without a verdict no money moves"
        if step != "eligibility" and rules.silence == "provisional":
            yield f"{step}: silence must not be provisional: only eligibility may go on without a verdict"
        if step == TRANSFER and rules.retry_s is not None:
            yield f"{step}: retry_s must not be given: a transfer is not asked again by itself"
        if len(set(rules.proofs)) < len(rules.proofs):
            yield f"{step}: proofs names one twice"
