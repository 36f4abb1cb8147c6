"""From a record's bytes to an event, or to the reason why not. Total: no input raises anything but `Undecodable`."""

import json
import re
from itertools import accumulate
from typing import Never

import msgspec

from menshen.contract.dead_letter import RejectReason
from menshen.contract.events import TYPE_OF, Event

MAX_BYTES = 16 * 1024
MAX_DEPTH = 64
"""Ten times what any family needs. Without it the answer would depend on how deep the caller's own stack is."""

_EVENT = msgspec.json.Decoder(Event)
_ENCODER = msgspec.json.Encoder()
_TYPES = frozenset(TYPE_OF.values())
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_BRACKET = re.compile(rb"[\[{\]}]")


class Undecodable(Exception):
    """This record will never be an event: send it to the dead letters and go on. Trying again gives the same."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class _Header(msgspec.Struct):
    type: str = ""
    version: int = 1


def decode_event(value: bytes | None) -> Event:
    """Decode and validate in one pass; on failure look again, more slowly, for the reason."""
    if value is None or not value:
        raise Undecodable(RejectReason.MALFORMED, "the record has no value")
    if len(value) > MAX_BYTES:
        raise Undecodable(RejectReason.OVERSIZED, f"{len(value)} bytes, at most {MAX_BYTES} are read")
    try:
        event: Event = _EVENT.decode(value)
        _refuse_invisible(event)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        _refuse_depth(value)
        _explain(value, error)
    if _says_more_than(value, event):
        _refuse_depth(value)
        _refuse_duplicate_keys(value)
    return event


def encode_event(event: Event) -> bytes:
    """Encode an event as the record value that `decode_event` reads back."""
    return _ENCODER.encode(event)


def _refuse_invisible(event: Event) -> None:
    """See to it that each `EnvelopeId` is visible ASCII, as an `Id` is; an absent one reads None, which is."""
    ids = (
        f"{event.event_id}{event.subject_id}{event.session_id}{event.product_id}{event.application_id}{event.device_id}"
    )
    if " " in ids or not (ids.isascii() and ids.isprintable()):
        raise msgspec.ValidationError("identifiers are visible ASCII characters")


def _says_more_than(value: bytes, event: Event) -> bool:
    """Say whether a record may hold names that its event does not need: another's field, or one that stands twice.

    Without escapes, a name more than the event needs is a colon more. What an event needs nests nowhere near
    `MAX_DEPTH`, so that a record without more does not either.
    """
    needed = encode_event(event)
    return value != needed and (b"\\" in value or value.count(b":") != needed.count(b":"))


def _refuse_depth(value: bytes) -> None:
    if value.count(b"[") + value.count(b"{") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise Undecodable(RejectReason.MALFORMED, f"nested more than {MAX_DEPTH} deep")


def _depth(value: bytes) -> int:
    brackets = _BRACKET.findall(_TEXT.sub(b"", value))
    return max(accumulate(1 if bracket in b"[{" else -1 for bracket in brackets), default=0)


def _explain(value: bytes, error: Exception) -> Never:
    """Name the most useful reason: what the record is, before what is wrong inside it."""
    if not isinstance(error, msgspec.ValidationError):
        raise Undecodable(RejectReason.MALFORMED, str(error)) from None
    _refuse_duplicate_keys(value)
    try:
        header = msgspec.json.decode(value, type=_Header)
    except msgspec.MsgspecError:
        raise Undecodable(RejectReason.INVALID, str(error)) from None
    if header.type not in _TYPES:
        known = ", ".join(sorted(_TYPES))
        raise Undecodable(RejectReason.UNKNOWN_TYPE, f"type {header.type[:64]!r}, known are {known}")
    if header.version != 1:
        raise Undecodable(RejectReason.UNKNOWN_VERSION, f"version {header.version}, this release speaks 1")
    raise Undecodable(RejectReason.INVALID, str(error)) from None


def _refuse_duplicate_keys(value: bytes) -> None:
    """Parse again, with an eye on the names alone, also in what the decoder passes over.

    Numbers stay text, so that none is too long to read.
    """
    try:
        json.loads(value.decode(), object_pairs_hook=_unique, parse_int=str, parse_float=str)
    except (RecursionError, ValueError) as error:
        raise Undecodable(RejectReason.MALFORMED, str(error)) from None


def _unique(pairs: list[tuple[str, object]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise Undecodable(RejectReason.DUPLICATE_KEY, f"{twice[:64]!r} stands twice")
