"""From a record's bytes to an event, or to the reason why not. Total: no input raises anything but `Undecodable`."""

import json
import re
from typing import Never

import msgspec

from menshen.contract.dead_letter import RejectReason
from menshen.contract.events import FAMILIES, Event

MAX_BYTES = 16 * 1024
_EVENT = msgspec.json.Decoder(Event)
_TYPES = frozenset(str(family.__struct_config__.tag) for family in FAMILIES)
_FIELD_NAME = re.compile(rb'"([^"\\]*)"\s*:')


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
        if not value.isascii():
            value.decode()  # the parser passes over the bytes of fields that it does not know
        event: Event = _EVENT.decode(value)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        _explain(value, error)
    _refuse_duplicate_keys(value)
    return event


def encode_event(event: Event) -> bytes:
    """Encode an event as the record value that `decode_event` reads back."""
    return msgspec.json.encode(event)


def _explain(value: bytes, error: Exception) -> Never:
    """Name the most useful reason: what the record is, before what is wrong inside it."""
    try:
        header = msgspec.json.decode(value, type=_Header)
    except msgspec.ValidationError:
        raise Undecodable(RejectReason.INVALID, str(error)) from None
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise Undecodable(RejectReason.MALFORMED, str(error)) from None
    if header.type not in _TYPES:
        raise Undecodable(RejectReason.UNKNOWN_TYPE, f"type {header.type!r}, known are {', '.join(sorted(_TYPES))}")
    if header.version != 1:
        raise Undecodable(RejectReason.UNKNOWN_VERSION, f"version {header.version}, this release speaks 1")
    _refuse_duplicate_keys(value)
    raise Undecodable(RejectReason.INVALID, str(error)) from None


def _refuse_duplicate_keys(value: bytes) -> None:
    """Look for a name that stands twice; only where one may, parse again to see whether it is in one object."""
    names = _FIELD_NAME.findall(value)
    if len(set(names)) == len(names) and b"\\" not in value:
        return
    try:
        json.loads(value, object_pairs_hook=_unique)
    except (UnicodeError, RecursionError, ValueError) as error:
        raise Undecodable(RejectReason.MALFORMED, str(error)) from None


def _unique(pairs: list[tuple[str, object]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise Undecodable(RejectReason.DUPLICATE_KEY, f"{next(n for n in names if names.count(n) > 1)!r} stands twice")
