"""Applications and gates in the database, read and written whole."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import Connection, RowMapping, bindparam, insert, select, update

from menshen.contract.events import Step
from menshen.contract.identifiers import record_id
from menshen.loan.gate import Gate
from menshen.loan.path import STEPS
from menshen.loan.policy import RefusalKind
from menshen.onboard.sql.tables import applications, gates

_BODY = msgspec.json.Decoder(Gate)

# Built once: building a statement costs more than running it.
_APPLICATION = select(applications).where(applications.c.application_id == bindparam("wanted"))
_SAVE_APPLICATION = update(applications).where(applications.c.application_id == bindparam("wanted"))
_GATE = select(gates).where(gates.c.gate_id == bindparam("wanted"))
_SAVE_GATE = update(gates).where(gates.c.gate_id == bindparam("wanted"))
_DUE = select(gates).where(gates.c.wake_ms <= bindparam("now_ms")).order_by(gates.c.wake_ms).limit(bindparam("most"))


class Unknown(LookupError):
    """There is no such application, draw, challenge or review."""


class Application(Struct, frozen=True, kw_only=True):
    """What is known of an application beside its gates; `n_changes` and `n_events` count what was written about it."""

    application_id: str
    subject_id: str
    product_id: str
    opened_ms: int
    refusal: RefusalKind | None = None
    refused_until_ms: int | None = None
    n_changes: int = 0
    n_events: int = 0


class Kept(NamedTuple):
    """A gate as the database keeps it, and when it came to be."""

    gate_id: str
    gate: Gate
    subject_id: str
    opened_ms: int
    paid_ms: int | None = None


class Store:
    """Reads and writes for one tenant, each call within the transaction of its connection."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant

    def gate_id(self, application_id: str, step: Step, draw_id: str | None) -> str:
        """Return the name of a gate: a function of what it is the gate of."""
        return record_id(self.tenant, application_id, draw_id or "", step)

    def application(self, connection: Connection, application_id: str) -> Application:
        """Return an application; raise `Unknown` if there is none."""
        row = connection.execute(_APPLICATION, {"wanted": application_id}).mappings().one_or_none()
        if row is None:
            raise Unknown(f"there is no application {application_id!r}")
        return Application(**row)

    def applications_of(self, connection: Connection, subject_id: str) -> list[Application]:
        """Return a customer's applications, the oldest first."""
        query = select(applications).where(applications.c.subject_id == subject_id).order_by(applications.c.opened_ms)
        return [Application(**row) for row in connection.execute(query).mappings()]

    def gate(self, connection: Connection, gate_id: str) -> Kept:
        """Return a gate; raise `Unknown` if there is none."""
        row = connection.execute(_GATE, {"wanted": gate_id}).mappings().one_or_none()
        if row is None:
            raise Unknown("there is no such step or draw")
        return _kept(row)

    def gates_of(self, connection: Connection, application_id: str) -> list[Kept]:
        """Return an application's gates: its steps in their order, then its draws in theirs."""
        query = select(gates).where(gates.c.application_id == application_id).order_by(gates.c.opened_ms)
        kept = [_kept(row) for row in connection.execute(query).mappings()]
        return sorted(kept, key=lambda k: STEPS.index(k.gate.step))

    def holder_of(self, connection: Connection, verdict_id: str) -> Kept | None:
        """Return the gate that was opened by an allow, if there is one."""
        row = connection.execute(select(gates).where(gates.c.verdict_id == verdict_id)).mappings().one_or_none()
        return None if row is None else _kept(row)

    def due(self, connection: Connection, now_ms: int, most: int) -> list[Kept]:
        """Return gates whose time is up, the longest overdue first."""
        return [_kept(row) for row in connection.execute(_DUE, {"now_ms": now_ms, "most": most}).mappings()]

    def add_application(self, connection: Connection, application: Application) -> None:
        """Write a new application."""
        connection.execute(insert(applications), asdict(application))

    def save_application(self, connection: Connection, application: Application) -> None:
        """Write an application that has changed."""
        connection.execute(_SAVE_APPLICATION, {"wanted": application.application_id, **asdict(application)})

    def add_gate(self, connection: Connection, kept: Kept) -> None:
        """Write a new gate."""
        connection.execute(insert(gates), _columns(kept))

    def save_gate(self, connection: Connection, kept: Kept) -> None:
        """Write a gate that has changed."""
        connection.execute(_SAVE_GATE, {"wanted": kept.gate_id, **_columns(kept)})


def _kept(row: RowMapping) -> Kept:
    return Kept(row["gate_id"], _BODY.decode(row["body"]), row["subject_id"], row["opened_ms"], row["paid_ms"])


def _columns(kept: Kept) -> dict[str, Any]:
    gate = kept.gate
    return {
        "gate_id": kept.gate_id,
        "application_id": gate.application_id,
        "subject_id": kept.subject_id,
        "step": gate.step,
        "draw_id": gate.draw_id,
        "payee_ref": gate.payee_ref,
        "device_id": gate.visit.device_id if gate.visit else None,
        "amount": gate.amount,
        "state": gate.state,
        "verdict_id": gate.verdict_id,
        "opened_ms": kept.opened_ms,
        "wake_ms": _earliest((gate.due_ms, gate.retry_ms)),
        "paid_ms": kept.paid_ms,
        "body": msgspec.json.encode(gate),
    }


def _earliest(moments_ms: Iterable[int | None]) -> int | None:
    return min((moment for moment in moments_ms if moment is not None), default=None)
