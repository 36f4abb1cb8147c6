"""Keys to the API: who may call, and as what. The database holds a name, a role and a digest, never the key itself."""

import hashlib
import hmac
import re
import secrets
from typing import Literal, NamedTuple

from sqlalchemy import Connection, insert, select, update

from menshen.onboard.sql.store import Unknown
from menshen.onboard.sql.tables import api_keys

Role = Literal["service", "analyst", "approver", "auditor"]
_SHAPE = re.compile(r"msk_([0-9a-f]{12})_([A-Za-z0-9_-]{43})", re.ASCII)


class NameTaken(Exception):
    """The name has a live key of another role. Nothing was changed; revoke that key, or take another name."""


class Caller(NamedTuple):
    """Who calls. A name is one person or one program: whoever has two keys has one name, and one say in a review."""

    name: str
    role: Role


class Key(NamedTuple):
    """What is known of a key once it was given out."""

    prefix: str
    role: Role
    name: str
    made_ms: int
    revoked_ms: int | None


def issue(connection: Connection, role: Role, name: str, *, now_ms: int) -> str:
    """Make a key and return it, for the only time.

    A name may have several keys, so that one can take another's place, but only one role at a time: else one person
    could come as two.

    Raises
    ------
    NameTaken
        The name has a live key of another role.
    """
    others = {key.role for key in listed(connection) if key.name == name and key.revoked_ms is None} - {role}
    if others:
        raise NameTaken(f"{name} has a live key of role {others.pop()}: revoke it first, or take another name")
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    row = {"prefix": prefix, "hash": _digest(secret), "role": role, "name": name, "made_ms": now_ms}
    connection.execute(insert(api_keys).values(row))
    return f"msk_{prefix}_{secret}"


def holder(connection: Connection, key: str) -> Caller | None:
    """Return whose key it is; None if it is nobody's, or was revoked."""
    parts = _SHAPE.fullmatch(key)
    if parts is None:
        return None
    live = (api_keys.c.prefix == parts[1]) & api_keys.c.revoked_ms.is_(None)
    row = connection.execute(select(api_keys.c.hash, api_keys.c.name, api_keys.c.role).where(live)).one_or_none()
    if row is None or not hmac.compare_digest(row.hash, _digest(parts[2])):
        return None
    return Caller(row.name, row.role)


def listed(connection: Connection) -> list[Key]:
    """Return all keys that were ever made, the oldest first."""
    columns = (api_keys.c.prefix, api_keys.c.role, api_keys.c.name, api_keys.c.made_ms, api_keys.c.revoked_ms)
    return [Key(*row) for row in connection.execute(select(*columns).order_by(api_keys.c.made_ms, api_keys.c.prefix))]


def revoke(connection: Connection, prefix: str, *, now_ms: int) -> None:
    """Let a key open nothing any more, from the next call on; raise `Unknown` if there is none. Safe to call again."""
    if prefix not in {key.prefix for key in listed(connection)}:
        raise Unknown(f"there is no key {prefix!r}")
    live = (api_keys.c.prefix == prefix) & api_keys.c.revoked_ms.is_(None)
    connection.execute(update(api_keys).where(live).values(revoked_ms=now_ms))


def _digest(secret: str) -> bytes:
    # 256 random bits cannot be guessed, so there is nothing for a slow hash to slow down.
    return hashlib.sha256(secret.encode()).digest()
