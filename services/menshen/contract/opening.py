"""Whether a verdict answers the question that was asked, and opens the gate."""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from menshen.contract.events import Checkpoint
from menshen.contract.verdict import Verdict


class Misfit(StrEnum):
    """Why a verdict is no answer to a question."""

    NOT_A_GATE = "NOT_A_GATE"
    """It answers no checkpoint."""
    EXPIRED = "EXPIRED"
    """It was void when it was to be used."""
    OTHER_QUESTION = "OTHER_QUESTION"
    """It answers another event, though perhaps one that asks the same."""
    OTHER_SUBJECT = "OTHER_SUBJECT"
    OTHER_SESSION = "OTHER_SESSION"
    OTHER_APPLICATION = "OTHER_APPLICATION"
    OTHER_STEP = "OTHER_STEP"
    OTHER_ATTEMPT = "OTHER_ATTEMPT"
    OTHER_DRAW = "OTHER_DRAW"
    OTHER_PAYEE = "OTHER_PAYEE"
    OTHER_DEVICE = "OTHER_DEVICE"
    OTHER_CURRENCY = "OTHER_CURRENCY"
    OTHER_AMOUNT = "OTHER_AMOUNT"
    """It is about less money, or about none."""


Check = Callable[[Verdict, Checkpoint, int], bool]


def _same(field: str) -> Check:
    return lambda verdict, asked, _: getattr(verdict, field) == getattr(asked, field)


def _within(verdict: Verdict, asked: Checkpoint, _: int) -> bool:
    if asked.amount is None or verdict.amount_max is None:
        return asked.amount == verdict.amount_max
    try:
        return Decimal(asked.amount) <= Decimal(verdict.amount_max)
    except InvalidOperation:  # no amount opens nothing, whoever signed it
        return False


CHECKS: dict[Misfit, Check] = {
    Misfit.NOT_A_GATE: lambda verdict, *_: verdict.kind == "gate",
    Misfit.OTHER_SUBJECT: _same("subject_id"),
    Misfit.OTHER_SESSION: _same("session_id"),
    Misfit.OTHER_APPLICATION: _same("application_id"),
    Misfit.OTHER_STEP: _same("step"),
    Misfit.OTHER_ATTEMPT: _same("attempt"),
    Misfit.OTHER_DRAW: _same("draw_id"),
    Misfit.OTHER_PAYEE: _same("payee_ref"),
    Misfit.OTHER_DEVICE: _same("device_id"),
    Misfit.OTHER_CURRENCY: _same("currency"),
    Misfit.OTHER_AMOUNT: _within,
    Misfit.OTHER_QUESTION: _same("event_id"),
    Misfit.EXPIRED: lambda verdict, _, now_ms: now_ms < verdict.expires_ms,
}
"""Every binding of a verdict to its question, and what it is called where it fails."""


def misfit(verdict: Verdict, asked: Checkpoint, now_ms: int) -> Misfit | None:
    """Return why a verdict is no answer, now, to exactly what was asked; None if it is one."""
    return next((name for name, check in CHECKS.items() if not check(verdict, asked, now_ms)), None)


def opens(verdict: Verdict, asked: Checkpoint, now_ms: int) -> bool:
    """Say whether a verdict lets exactly the step that was asked about go on now.

    That it was not used before and not revoked is for the caller to hold, in the transaction that acts on it.
    """
    return verdict.decision == "allow" and misfit(verdict, asked, now_ms) is None
