"""The outbox: what has to leave is written in the transaction that decided it, and sent afterwards, in order."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from menshen.onboard.sql.tables import leases, outbox, replies

Kind = Literal["event", "onboarding", "challenge", "payment"]
LEASE_MS = 5_000
_PUT = "menshen_put"

_COLUMNS = (outbox.c.number, outbox.c.kind, outbox.c.gate_id, outbox.c.key, outbox.c.body, outbox.c.n_tries)
_WAITING = (
    select(*_COLUMNS)
    .where(outbox.c.sent_ms.is_(None), outbox.c.kind.in_(bindparam("kinds", expanding=True)))
    .where(outbox.c.not_before_ms <= bindparam("now_ms"))
    .order_by(outbox.c.number)
    .limit(bindparam("most"))
)


class Parcel(NamedTuple):
    """One thing to send; `key` is the record's key in Kafka. `number` orders them."""

    number: int
    kind: Kind
    gate_id: str
    key: str
    body: bytes
    n_tries: int


def put(connection: Connection, kind: Kind, gate_id: str, key: str, body: bytes, *, now_ms: int) -> None:
    """Write something that has to leave."""
    row = {"kind": kind, "gate_id": gate_id, "key": key, "body": body, "written_ms": now_ms, "not_before_ms": now_ms}
    connection.execute(insert(outbox), row | {"n_tries": 0})
    connection.info.setdefault(_PUT, set()).add(kind)


def kinds_put(connection: Connection) -> frozenset[Kind]:
    """Return the kinds of what was put through this connection since this was last asked; after a failure, too many."""
    return frozenset(connection.info.pop(_PUT, ()))


def waiting(connection: Connection, kinds: Sequence[Kind], now_ms: int, most: int) -> list[Parcel]:
    """Return what waits to be sent, the oldest first."""
    asked = {"kinds": list(kinds), "now_ms": now_ms, "most": most}
    return [Parcel(*row) for row in connection.execute(_WAITING, asked)]


def mark_sent(connection: Connection, numbers: Sequence[int], now_ms: int) -> None:
    """Remember that they have left."""
    connection.execute(update(outbox).where(outbox.c.number.in_(numbers)).values(sent_ms=now_ms))


def postpone(connection: Connection, parcel: Parcel, not_before_ms: int) -> None:
    """Try it again later."""
    later = {"not_before_ms": not_before_ms, "n_tries": parcel.n_tries + 1}
    connection.execute(update(outbox).where(outbox.c.number == parcel.number).values(**later))


def forget(connection: Connection, before_ms: int) -> None:
    """Delete what left, and replies that were given, before a moment: the keys of those may be used anew."""
    connection.execute(delete(outbox).where(outbox.c.sent_ms < before_ms))
    connection.execute(delete(replies).where(replies.c.at_ms < before_ms))


def hold_lease(connection: Connection, name: str, holder: str, now_ms: int) -> bool:
    """Take or prolong the right to send; False while another process has it."""
    found = connection.execute(select(leases).where(leases.c.name == name)).mappings().one_or_none()
    if found is None:
        connection.execute(insert(leases).values(name=name, holder=holder, until_ms=now_ms + LEASE_MS))
        return True
    if found["holder"] != holder and found["until_ms"] > now_ms:
        return False
    connection.execute(update(leases).where(leases.c.name == name).values(holder=holder, until_ms=now_ms + LEASE_MS))
    return True
