"""How records look in a terminal: one line each, and nothing in them that the terminal would obey."""

import base64
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

import msgspec
from rich.text import Text

from menshen.contract.assessment import Assessment, Reason, Shed
from menshen.contract.dead_letter import DETAIL_HEADER, REASON_HEADER, SOURCE_HEADER
from menshen.contract.signature import BadSignature, TrustedKeys
from menshen.contract.verdict import SIGNATURE_HEADER, Verdict

T = TypeVar("T")
DECISION_STYLES = {"allow": "green", "step_up": "yellow", "review": "magenta", "block": "bold red"}
SIGNATURE_MARKS = {"trusted": ("✓", "green"), "bad": ("✗ bad signature", "bold red"), "unsigned": ("unsigned", "dim")}
FIRST_BYTES = 60


class Record(NamedTuple):
    """What is shown of a Kafka record."""

    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()


def printable(text: str) -> str:
    """Write out what a terminal would obey or hide: control characters, marks that turn the direction of text."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def signature_of(record: Record, keys: TrustedKeys) -> str:
    """Return `trusted`, `bad` or `unsigned`."""
    headers = [(name, value) for name, value in record.headers if value is not None]
    try:
        keys.verify(record.value or b"", headers)
    except BadSignature:
        return "bad" if SIGNATURE_HEADER in dict(headers) else "unsigned"
    return "trusted"


def verdict_line(record: Record, keys: TrustedKeys | None) -> Text:
    """Show who was answered what, for which step, and why."""
    if (verdict := _read(record, Verdict)) is None:
        return _unreadable(record)
    mark = SIGNATURE_MARKS[signature_of(record, keys)] if keys else ("", "")
    decision = (f"{verdict.decision:7}", DECISION_STYLES[verdict.decision])
    asked = " ".join(filter(None, (verdict.kind, verdict.step, verdict.application_id, verdict.challenge)))
    missing = f"missing {', '.join(verdict.missing)}" if verdict.missing else ""
    degraded = ("degraded" if verdict.degraded else "", "yellow")
    where = (verdict.subject_id, "cyan")
    return one_line(
        verdict.decided_ms,
        where,
        decision,
        f"{verdict.score:4}",
        mark,
        asked,
        _reasons(verdict.reasons),
        missing,
        degraded,
    )


def assessment_line(record: Record, _: TrustedKeys | None) -> Text:
    """Show what an event did to the score, or how many were shed."""
    if record.key is None and (shed := _read(record, Shed)):
        runs = ", ".join(f"{first} to {last}" for first, last in shed.runs)
        return one_line(record.timestamp_ms, (f"shed {shed.n_shed} of partition {record.partition}:", "yellow"), runs)
    if (seen := _read(record, Assessment)) is None:
        return _unreadable(record)
    deferred = ("deferred" if seen.deferred else "", "yellow")
    return one_line(
        seen.appended_ms,
        (seen.subject_id, "cyan"),
        f"{seen.event_type:10}",
        f"{seen.score:4}",
        _reasons(seen.reasons),
        deferred,
    )


def plain_line(record: Record, _: TrustedKeys | None) -> Text:
    """Show key and value as they came."""
    return one_line(record.timestamp_ms, (text_of(record.key), "cyan"), text_of(record.value))


def dead_letter_line(record: Record, _: TrustedKeys | None) -> Text:
    """Show why a record was not judged, where it lay, and how it begins."""
    said = {name: text_of(value) for name, value in record.headers}
    reason = (said.get(REASON_HEADER, "?"), "bold red")
    first = repr((record.value or b"")[:FIRST_BYTES])
    return one_line(
        record.timestamp_ms, reason, said.get(SOURCE_HEADER, "?"), said.get(DETAIL_HEADER, ""), (first, "dim")
    )


def value_object(record: Record, keys: TrustedKeys | None) -> dict[str, object]:
    """Return the record's own fields, and with keys what its signature is worth."""
    fields = _read(record, dict[str, object])
    if fields is None:
        return {"unreadable": True} | dead_letter_object(record, keys)
    return fields | ({"signature": signature_of(record, keys)} if keys else {})


def dead_letter_object(record: Record, _: TrustedKeys | None) -> dict[str, object]:
    """Return everything about a record: its value in base64, and as text where it is text."""
    said = {name: text_of(value) for name, value in record.headers}
    value = record.value
    return {
        "reason": said.get(REASON_HEADER),
        "detail": said.get(DETAIL_HEADER),
        "source": said.get(SOURCE_HEADER),
        "partition": record.partition,
        "offset": record.offset,
        "timestamp_ms": record.timestamp_ms,
        "key": None if record.key is None else text_of(record.key),
        "value_base64": None if value is None else base64.b64encode(value).decode(),
        "value": _whole_text(value),
        "headers": said,
    }


def _read(record: Record, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(record.value or b"", type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _unreadable(record: Record) -> Text:
    where = f"partition {record.partition} offset {record.offset}"
    return one_line(record.timestamp_ms, ("unreadable", "bold red"), where, repr((record.value or b"")[:FIRST_BYTES]))


def one_line(at_ms: int, *parts: str | tuple[str, str]) -> Text:
    """Join what is not empty; each part is a text, or a text and its style."""
    styled = [(part, "") if isinstance(part, str) else part for part in parts]
    return Text("  ").join(Text(printable(text), style) for text, style in [(utc(at_ms), "dim"), *styled] if text)


def _reasons(reasons: Iterable[Reason]) -> str:
    return ", ".join(f"{reason.code} {reason.points:+d}" for reason in reasons)


def utc(at_ms: int) -> str:
    """Write a time as people read it, or in milliseconds where no calendar has it."""
    try:
        return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{at_ms} ms"


def text_of(value: bytes | None) -> str:
    """Return bytes as text; what is no UTF-8 is written out."""
    return (value or b"").decode(errors="backslashreplace")


def _whole_text(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeError:
        return None
