"""Verdicts come in: which of them count, each once and for ever, and what they do."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, insert, select

from menshen.contract.decoding import decode_event
from menshen.contract.events import Checkpoint
from menshen.contract.opening import misfit
from menshen.contract.signature import BadSignature, TrustedKeys
from menshen.contract.verdict import KEY_ID_HEADER, SIGNATURE_HEADER, Verdict
from menshen.loan.gate import Answered, Revoked
from menshen.loan.workflow import NotNow
from menshen.onboard.acting import Actor
from menshen.onboard.sql.store import Unknown
from menshen.onboard.sql.tables import inbox, questions

_DECODER = msgspec.json.Decoder(Verdict)
Headers = Iterable[tuple[str, bytes | None]]


class Fate(StrEnum):
    """What became of a record of the verdict topic, beside the reasons of `contract.opening.Misfit`."""

    HEEDED = "HEEDED"
    """It answered a question, and the gate has changed."""
    REVOKES = "REVOKES"
    """It took back an allow that was in hand, or on which a gate had been opened."""
    REVOKES_NOTHING = "REVOKES_NOTHING"
    """It takes back an allow that is in no gate's hand; should that still come, it counts for nothing."""
    UNDECODABLE = "UNDECODABLE"
    """It is no verdict that this release can read."""
    BAD_SIGNATURE = "BAD_SIGNATURE"
    """Nobody vouches for it, or a key that is not trusted, or it was changed since."""
    NOT_OURS = "NOT_OURS"
    """It answers a login, or is about an application that was not opened here."""
    NOT_ASKED = "NOT_ASKED"
    """It answers an event that onboard did not publish."""
    KNOWN = "KNOWN"
    """Its id has been here before."""
    ANSWERED = "ANSWERED"
    """The question has been answered by another verdict."""
    SUPERSEDED = "SUPERSEDED"
    """It answers an attempt that another one has followed."""
    REVOKED = "REVOKED"
    """It had been taken back before it came."""
    LATE = "LATE"
    """The gate does not wait for it any more."""


class Letter(NamedTuple):
    """A verdict that a trusted key vouches for, with the bytes for which it does."""

    verdict: Verdict
    value: bytes
    key_id: str
    signature: bytes


def examine(value: bytes | None, headers: Headers, keys: TrustedKeys) -> Letter | Fate:
    """Return a verdict that may count, or why this record never will. Asks nobody."""
    said = {name: content for name, content in headers if content is not None}
    try:
        verdict: Verdict = _DECODER.decode(value or b"")
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return Fate.UNDECODABLE
    if verdict.application_id is None:
        return Fate.NOT_OURS
    try:
        keys.verify(value or b"", said.items())
    except BadSignature:
        return Fate.BAD_SIGNATURE
    return Letter(verdict, value or b"", said[KEY_ID_HEADER].decode(), said[SIGNATURE_HEADER])


class Inbox:
    """Takes verdicts in, within the transaction of each call."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor

    def take(self, connection: Connection, letter: Letter, *, now_ms: int) -> str:
        """Let a verdict do what it may, and remember it; return its fate, of `Fate` or `Misfit`."""
        verdict = letter.verdict
        try:
            self._actor.store.application(connection, verdict.application_id or "")
        except Unknown:
            return Fate.NOT_OURS
        if _known(connection, inbox.c.verdict_id == verdict.verdict_id):
            return Fate.KNOWN
        act = self._revoke if verdict.kind == "revoke" else self._answer
        fate = act(connection, verdict, now_ms)
        _remember(connection, letter, fate, now_ms)
        return fate

    def _answer(self, connection: Connection, verdict: Verdict, now_ms: int) -> str:
        row = connection.execute(select(questions).where(questions.c.event_id == verdict.event_id)).one_or_none()
        if row is None:
            return Fate.NOT_ASKED
        if why := misfit(verdict, _question(row.body), now_ms) or _spent(connection, verdict):
            return why
        kept = self._actor.store.gate(connection, row.gate_id)
        if kept.gate.attempt != row.attempt:
            return Fate.SUPERSEDED
        fact = Answered(verdict.decision, verdict.verdict_id, verdict.expires_ms, verdict.challenge)
        try:
            self._actor.act(connection, kept, fact, now_ms=now_ms)
        except NotNow:
            return Fate.LATE
        return Fate.HEEDED

    def _revoke(self, connection: Connection, verdict: Verdict, now_ms: int) -> str:
        kept = self._actor.store.holder_of(connection, verdict.revokes or "")
        if kept is None or kept.gate.application_id != verdict.application_id:
            return Fate.REVOKES_NOTHING
        try:
            self._actor.act(connection, kept, Revoked(), now_ms=now_ms)
        except NotNow:
            return Fate.REVOKES_NOTHING
        return Fate.REVOKES


def _question(body: bytes) -> Checkpoint:
    asked = decode_event(body)
    assert isinstance(asked, Checkpoint), "only checkpoints are written as questions"
    return asked


def _spent(connection: Connection, verdict: Verdict) -> Fate | None:
    if _known(connection, (inbox.c.event_id == verdict.event_id) & (inbox.c.fate == Fate.HEEDED)):
        return Fate.ANSWERED
    if _known(connection, inbox.c.revokes == verdict.verdict_id):
        return Fate.REVOKED
    return None


def _known(connection: Connection, where: Any) -> bool:
    return connection.execute(select(inbox.c.verdict_id).where(where).limit(1)).first() is not None


def _remember(connection: Connection, letter: Letter, fate: str, now_ms: int) -> None:
    verdict = letter.verdict
    row = {
        "verdict_id": verdict.verdict_id,
        "kind": verdict.kind,
        "event_id": verdict.event_id,
        "application_id": verdict.application_id,
        "revokes": verdict.revokes,
        "received_ms": now_ms,
        "fate": fate,
        "key_id": letter.key_id,
        "signature": letter.signature,
        "value": letter.value,
    }
    connection.execute(insert(inbox), row)
