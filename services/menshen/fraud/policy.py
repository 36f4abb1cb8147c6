"""Policy: versioned data that turns evidence into points and points into a decision. No thresholds live in code."""

from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import astuple

from menshen.contract.events import ChallengeMethod, Checkpoint, Money, Step
from menshen.contract.verdict import SEVERITY, Decision
from menshen.fraud.visits import SOURCES

Points = Annotated[int, Meta(ge=0, le=1000)]
LEARNED_RISK, ANOMALY, EXPOSURE = "LEARNED_RISK", "ANOMALY", "EXPOSURE"
LEARNED_CODES = (LEARNED_RISK, ANOMALY)
OTHER_CODES = (*LEARNED_CODES, EXPOSURE)
"""The codes that no detector gives."""


class PolicyError(ValueError):
    """The policy file cannot be used; the message names everything that is wrong with it."""


class Thresholds(Struct, frozen=True, forbid_unknown_fields=True):
    """The scores from which on a decision is at least this grave."""

    step_up: Points
    review: Points
    block: Points

    def decision(self, score: int) -> Decision:
        """Return the gravest decision whose threshold the score reaches."""
        if score >= self.block:
            return "block"
        if score >= self.review:
            return "review"
        return "step_up" if score >= self.step_up else "allow"


class AmountBand(Struct, frozen=True, forbid_unknown_fields=True):
    """Stricter thresholds for amounts from `amount` on."""

    amount: Money
    thresholds: Thresholds


class ExposureLimit(Struct, frozen=True, forbid_unknown_fields=True):
    """A limit on an amount together with what goes before it: beyond `above` a decision is at least this grave.

    `of` and `over` name what goes before, as `contract.events.Exposure` tells it; what is not told counts as nothing.
    """

    of: Literal["person", "device", "payee"]
    over: Literal["open", "day", "month"]
    above: Money
    decision: Decision


class DecisionPoint(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How one kind of question is answered.

    `expects` lists the sources that a visit usually has by then, alternatives joined by `|`; where one is missing the
    decision is at least `when_missing`. `challenge` is the proof that a step-up asks for, `lifetime_s` how long the
    answer holds. `bands` and the limits of `exposure` apply to the amount in question, in whatever currency.
    """

    thresholds: Thresholds
    lifetime_s: Annotated[int, Meta(ge=1, le=86_400)]
    challenge: ChallengeMethod
    expects: tuple[str, ...] = ()
    when_missing: Decision = "allow"
    bands: tuple[AmountBand, ...] = ()
    exposure: tuple[ExposureLimit, ...] = ()

    def thresholds_for(self, amount: str | None) -> Thresholds:
        """Return the thresholds of the highest band that the amount reaches."""
        if amount is None:
            return self.thresholds
        asked = Decimal(amount)
        reached = [band for band in self.bands if _sum_of(band.amount) <= asked]
        return max(reached, key=lambda band: _sum_of(band.amount)).thresholds if reached else self.thresholds

    def exceeded(self, question: Checkpoint) -> dict[ExposureLimit, Decimal]:
        """Return the limits that the amount exceeds together with what goes before it, each with that total."""
        return {
            limit: total
            for limit in self.exposure
            if (total := total_of(question, limit.of, limit.over)) > _sum_of(limit.above)
        }


@lru_cache(maxsize=256)
def _sum_of(amount: Money) -> Decimal:
    """Return an amount of the policy, which is asked for at every question, as a number."""
    return Decimal(amount)


def total_of(question: Checkpoint, of: str, over: str) -> Decimal:
    """Return the amount in question plus one figure of what goes before it."""
    asked, outlay = Decimal(question.amount or 0), getattr(question.exposure, of, None)
    return asked if outlay is None else asked + Decimal(getattr(outlay, over))


class Floor(Struct, frozen=True, forbid_unknown_fields=True):
    """A doubt that, from `from_doubt_pm` on, makes every decision at least this grave, whatever the score."""

    code: str
    from_doubt_pm: Points
    decision: Decision


class ChallengeRule(Struct, frozen=True, forbid_unknown_fields=True):
    """Which reasons a passed challenge answers, and for how long they then weigh nothing."""

    answers: tuple[str, ...]
    lasts_s: Annotated[int, Meta(ge=0, le=2_592_000)]


class OverrideRule(Struct, frozen=True, forbid_unknown_fields=True):
    """What people may decide: for how long it holds, and how many of them it takes to lift a block.

    `never` lists the reasons that no person can answer.
    """

    lasts_s: Annotated[int, Meta(ge=0, le=2_592_000)]
    people_for_block: Annotated[int, Meta(ge=1, le=4)]
    never: tuple[str, ...] = ()


class Learned(Struct, frozen=True, forbid_unknown_fields=True):
    """From which level on (per mille) the model's two scores add points."""

    risk_from_pm: Annotated[int, Meta(ge=0, le=999)]
    anomaly_from_pm: Annotated[int, Meta(ge=0, le=999)]


class Policy(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that analysts decide. `weights` holds the points that a certain doubt of each code adds."""

    version: Annotated[str, Meta(min_length=1, max_length=64)]
    weights: dict[str, Points]
    learned: Learned
    override: OverrideRule
    login: DecisionPoint
    eligibility: DecisionPoint
    agreement: DecisionPoint
    limit_activation: DecisionPoint
    fund_transfer: DecisionPoint
    floors: tuple[Floor, ...] = ()
    challenges: dict[ChallengeMethod, ChallengeRule] = {}

    def at(self, step: Step | None) -> DecisionPoint:
        """Return the decision point of a step; None is a login."""
        point: DecisionPoint = getattr(self, step or "login")
        return point


def parse_policy(text: str, codes: Iterable[str]) -> Policy:
    """Read a policy from TOML and check it against the reason codes that exist.

    Raises
    ------
    PolicyError
        With everything that is wrong. Nothing was changed; mend the file and call again.
    """
    try:
        policy = msgspec.toml.decode(text, type=Policy)
    except (msgspec.MsgspecError, ValueError) as error:
        raise PolicyError(f"policy cannot be read: {error}") from None
    if problems := list(_problems(policy, {*codes, *OTHER_CODES})):
        raise PolicyError(f"policy {policy.version}: " + "; ".join(problems))
    return policy


def _problems(policy: Policy, codes: set[str]) -> Iterable[str]:
    yield from (f"weights: {code} is missing" for code in sorted(codes - policy.weights.keys()))
    yield from (f"weights: {code} is no known reason" for code in sorted(policy.weights.keys() - codes))
    named = {*policy.override.never, *(floor.code for floor in policy.floors)}
    named |= {code for rule in policy.challenges.values() for code in rule.answers}
    yield from (f"{code} is named, but is no known reason" for code in sorted(named - codes))
    for name in ("login", "eligibility", "agreement", "limit_activation", "fund_transfer"):
        point: DecisionPoint = getattr(policy, name)
        yield from (f"{name}: {problem}" for problem in _problems_at(point))
        if point.challenge not in policy.challenges:
            yield f"{name}: challenge {point.challenge!r} has no entry under challenges"


def _problems_at(point: DecisionPoint) -> Iterable[str]:
    reached = [point.thresholds]
    for band in sorted(point.bands, key=lambda band: Decimal(band.amount)):
        if any(own > lower for own, lower in zip(astuple(band.thresholds), astuple(reached[-1]), strict=True)):
            yield f"thresholds from {band.amount} on must not be milder than those below"
        reached.append(band.thresholds)
    if any(not 0 < each.step_up <= each.review <= each.block for each in reached):
        yield "thresholds must rise from step_up over review to block, from above 0"
    if point.when_missing == "block":
        yield "when_missing must not be block: what did not come is no guilt"
    sources = {source for expected in point.expects for source in expected.split("|")}
    yield from (f"{source!r} is expected, but is no known source" for source in sorted(sources - set(SOURCES)))


def gravest(*decisions: Decision) -> Decision:
    """Return the gravest of some decisions."""
    return max(decisions, key=SEVERITY.__getitem__)
