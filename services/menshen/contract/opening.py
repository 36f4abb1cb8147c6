"""Whether a verdict opens the gate that it was asked about."""

from decimal import Decimal

from menshen.contract.events import Checkpoint
from menshen.contract.verdict import BOUND, Verdict

_ALIKE = ("subject_id", *(name for name in BOUND if name != "amount_max"))


def opens(verdict: Verdict, asked: Checkpoint, now_ms: int) -> bool:
    """Say whether a verdict lets exactly the step that was asked about go on now.

    All that the question was bound to must agree, and the amount must be within the one allowed. That it was not used
    before and not revoked is for the caller to hold, in the transaction that acts on it.
    """
    allowed = verdict.kind == "gate" and verdict.decision == "allow" and now_ms < verdict.expires_ms
    return allowed and _within(asked.amount, verdict.amount_max) and _is_about(verdict, asked)


def _is_about(verdict: Verdict, asked: Checkpoint) -> bool:
    return all(getattr(verdict, name) == getattr(asked, name) for name in _ALIKE)


def _within(amount: str | None, amount_max: str | None) -> bool:
    if amount is None or amount_max is None:
        return amount == amount_max
    return Decimal(amount) <= Decimal(amount_max)
