"""The open line: how much of it is free, and whether a draw fits."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from menshen.contract.onboarding import State
from menshen.loan.gate import DAY_MS, Gate
from menshen.loan.policy import LoanPolicy

HOLDING: tuple[State, ...] = ("asked", "proving", "parked", "review", "appeal", "open", "sending", "done")
"""The states in which a draw takes up part of the line: it has been paid, or still may be."""


class DoesNotFit(Exception):
    """The draw is beyond what the line or the day allows. Nothing was changed; the message says by how much."""


class Draw(NamedTuple):
    """A draw that was asked for before."""

    gate: Gate
    opened_ms: int


def free(limit: Decimal, draws: Iterable[Draw]) -> Decimal:
    """Return what is left of a limit."""
    return limit - sum((d.gate.amount or Decimal(0) for d in draws if d.gate.state in HOLDING), Decimal(0))


def check_draw(amount: Decimal, limit: Decimal, draws: Iterable[Draw], now_ms: int, policy: LoanPolicy) -> None:
    """Return if another draw of so much fits; raise `DoesNotFit` otherwise."""
    earlier = list(draws)
    left, today = free(limit, earlier), sum(now_ms - draw.opened_ms < DAY_MS for draw in earlier)
    if amount > left:
        raise DoesNotFit(f"{amount} is asked for, {left} of the limit of {limit} is free")
    if today >= policy.draws_a_day:
        raise DoesNotFit(f"{today} draws were asked for within 24 hours, as many as a day allows")
