"""What goes before an amount: money that may still go out, and what went out within a day and within 30 days."""

from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, func, select

from menshen.contract.events import Exposure, Outlay
from menshen.loan.gate import DAY_MS
from menshen.loan.line import HOLDING
from menshen.loan.path import TRANSFER
from menshen.onboard.sql.store import Kept
from menshen.onboard.sql.tables import gates

UNDER_WAY = tuple(state for state in HOLDING if state != "done")
MONTH_MS = 30 * DAY_MS


def exposure_of(connection: Connection, kept: Kept, now_ms: int) -> Exposure | None:
    """Return the exposure before a draw, the draw itself not counted; None for a step without money."""
    gate = kept.gate
    if not gate.is_transfer or gate.visit is None:
        return None
    others = gates.c.gate_id != kept.gate_id

    def outlay(where: ColumnElement[bool]) -> Outlay:
        return _outlay(connection, others & where, now_ms)

    return Exposure(
        person=outlay(gates.c.subject_id == kept.subject_id),
        device=outlay(gates.c.device_id == gate.visit.device_id),
        payee=outlay(gates.c.payee_ref == gate.payee_ref),
    )


def _outlay(connection: Connection, where: ColumnElement[bool], now_ms: int) -> Outlay:
    def total(condition: ColumnElement[bool]) -> Any:
        return func.coalesce(func.sum(case((condition, gates.c.amount), else_=None)), None)

    columns = (
        total(gates.c.state.in_(UNDER_WAY)),
        total(gates.c.paid_ms > now_ms - DAY_MS),
        total(gates.c.paid_ms > now_ms - MONTH_MS),
    )
    open_, day, month = connection.execute(select(*columns).where(gates.c.step == TRANSFER, where)).one()
    return Outlay(open=_text(open_), day=_text(day), month=_text(month))


def _text(amount: Decimal | None) -> str:
    return f"{amount or Decimal(0):.2f}"
