"""A payment from the outbox to the bank: what is decided before the bank is told, and after it has answered."""

from typing import NamedTuple

from sqlalchemy import Connection

from menshen.loan.gate import BankRefused, Executed, Fact, SendingBegan, Voided
from menshen.onboard.acting import Actor
from menshen.onboard.ports import Order, Outcome, Settled, transfer_key
from menshen.onboard.sql import outbox
from menshen.onboard.sql.outbox import Parcel


class Instruction(NamedTuple):
    """What to tell the bank: to move the money until `expires_ms`, or to close the order for good."""

    order: Order
    expires_ms: int
    void: bool


def begin(connection: Connection, actor: Actor, parcel: Parcel, now_ms: int) -> Instruction | None:
    """Return what to tell the bank now; None if there is nothing (more) to tell.

    The allow is held against the clock once more. From the first telling on only the bank knows what came of it: then,
    if the allow has expired or was revoked meanwhile, the order is closed, unless the bank has carried it out.
    """
    kept = actor.store.gate(connection, parcel.gate_id)
    if kept.gate.state == "open":
        kept = actor.act(connection, kept, SendingBegan(), now_ms=now_ms)
    if kept.gate.state != "sending":
        outbox.mark_sent(connection, [parcel.number], now_ms)
        return None
    gate, expires_ms = kept.gate, kept.gate.expires_ms or 0
    assert gate.draw_id and gate.payee_ref and gate.amount is not None and gate.currency, "a draw names them all"
    key = transfer_key(actor.tenant, gate.application_id, gate.draw_id)
    order = Order(
        key=key,
        application_id=gate.application_id,
        draw_id=gate.draw_id,
        payee_ref=gate.payee_ref,
        amount=gate.amount,
        currency=gate.currency,
    )
    return Instruction(order, expires_ms, void=gate.doubted or now_ms >= expires_ms)


def settle(connection: Connection, actor: Actor, parcel: Parcel, settled: Settled, now_ms: int) -> None:
    """Take the bank's answer to heart. Safe to call again."""
    kept = actor.store.gate(connection, parcel.gate_id)
    if kept.gate.state == "sending":
        actor.act(connection, kept, _fact(settled), now_ms=now_ms)
    outbox.mark_sent(connection, [parcel.number], now_ms)


def _fact(settled: Settled) -> Fact:
    if settled.status is Outcome.EXECUTED:
        return Executed()
    return Voided() if settled.status is Outcome.VOIDED else BankRefused(settled.why or "")
