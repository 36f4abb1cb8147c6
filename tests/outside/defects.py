"""The ways in which a record can be broken: each turns a sound event into a record for the dead letters."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

from tests.outside.customers import Event
from tests.outside.records import Draft, Headers, compact

Bytes = bytes | None
Spoil = Callable[[Event, Random], Bytes]
DEEP = 5_000
LARGEST = 1_048_000
"""Bytes; with key and headers it just fits into a batch of Kafka's default 1,048,588."""

ODD_HEADERS: Headers = (("trace", None), ("reason", b"not ours"), ("source", b""), ("raw", b"\xff\x00"))


def _raw(event: Event, field: str, text: str) -> bytes:
    """Write an event with a field's value as it stands, whether it is JSON or not."""
    return compact(event, **{field: "\0"}).replace(b'"\\u0000"', text.encode())


def _extra(text: str) -> Spoil:
    return lambda event, _: _raw(event, "extra", text)


def _with(**fields: Any) -> Spoil:
    return lambda event, _: compact(event, **fields)


def _without(event: Event, chance: Random) -> bytes:
    gone = chance.choice(("event_id", "subject_id", "session_id", "seq", "occurred_ms", "assurance", "product_id"))
    return compact({name: value for name, value in event.items() if name != gone})


def _oversized(event: Event, chance: Random) -> bytes:
    n_bytes = chance.choice((16_385, 20_000, 65_536, 300_000, 600_000, LARGEST))
    return compact(event, padding="x" * (n_bytes - len(compact(event, padding=""))))


def _deep(event: Event, chance: Random) -> bytes:
    opening, closing = chance.choice((("[", "]"), ('{"a":', "}")))
    n_levels = chance.choice((100, 1_000, DEEP // len(opening)))
    return _raw(event, "extra", opening * n_levels + "1" + closing * n_levels)


def _gps(accuracy: str, latitude_deg: float = 31.2) -> Spoil:
    gps = {"latitude_deg": latitude_deg, "longitude_deg": 121.4, "accuracy_m": "\0"}
    return lambda event, _: compact(event, type="location", gps=gps).replace(b'"\\u0000"', accuracy.encode())


def _typing(**fields: Any) -> Spoil:
    typed = {"type": "keystroke", "field": "name", "hold_ms": [90], "flight_ms": [], "classes": "l"}
    kept = ("event_id", "subject_id", "session_id", "seq", "occurred_ms", "received_ms", "assurance", "product_id")
    return lambda event, _: compact({name: event[name] for name in kept} | typed | fields)


def _bytes_instead(raw: bytes) -> Spoil:
    return lambda event, _: compact(event, extra="@@").replace(b"@@", raw)


SPOILT: dict[str, tuple[str, Spoil]] = {
    "tombstone": ("MALFORMED", lambda event, _: None),
    "empty": ("MALFORMED", lambda event, _: b""),
    "blank": ("MALFORMED", lambda event, _: b" \r\n"),
    "cut_off": ("MALFORMED", lambda event, chance: compact(event)[: chance.randrange(1, 100)]),
    "not_json": ("MALFORMED", lambda event, chance: chance.randbytes(chance.randrange(1, 400)) + b"\xff"),
    "single_quotes": ("MALFORMED", lambda event, _: repr(event).encode()),
    "byte_order_mark": ("MALFORMED", lambda event, _: b"\xef\xbb\xbf" + compact(event)),
    "utf_16": ("MALFORMED", lambda event, _: json.dumps(event).encode("utf-16")),
    "trailing_garbage": ("MALFORMED", lambda event, chance: compact(event) + chance.choice((b"x", b"\0", b"}", b"{}"))),
    "two_events": ("MALFORMED", lambda event, _: compact(event) + b"\n" + compact(event)),
    "trailing_comma": ("MALFORMED", lambda event, _: compact(event)[:-1] + b",}"),
    "nan": ("MALFORMED", _gps("NaN")),
    "nan_unknown_field": ("MALFORMED", _extra("NaN")),
    "infinity": ("MALFORMED", _gps("Infinity")),
    "minus_infinity": ("MALFORMED", _gps("-Infinity")),
    "infinite_number": ("INVALID", _gps("1e999")),
    "deep_nesting": ("MALFORMED", _deep),
    "invalid_utf_8": ("MALFORMED", _bytes_instead(b"\xff\xfe")),
    "overlong_utf_8": ("MALFORMED", _bytes_instead(b"\xc0\xaf")),
    "raw_surrogate": ("MALFORMED", _bytes_instead(b"\xed\xa0\x80")),
    "escaped_surrogate": ("MALFORMED", _bytes_instead(rb"\ud800")),
    "control_character": ("MALFORMED", _bytes_instead(b"\n")),
    "oversized": ("OVERSIZED", _oversized),
    "duplicate_key": ("DUPLICATE_KEY", lambda event, _: compact(event)[:-1] + b',"assurance":"person"}'),
    "duplicate_key_escaped": ("DUPLICATE_KEY", lambda event, _: compact(event)[:-1] + b',"\\u0073ubject_id":"s-1"}'),
    "duplicate_key_deeper": ("DUPLICATE_KEY", _extra('{"a":{"b":1,"b":2}}')),
    "unknown_version": ("UNKNOWN_VERSION", lambda event, chance: compact(event, version=chance.choice((0, 2, 99)))),
    "unknown_type": ("UNKNOWN_TYPE", lambda event, chance: compact(event, type=chance.choice(("Login", "loan", "")))),
    "not_an_object": ("INVALID", lambda event, chance: chance.choice((b"[]", b"42", b"null", b'"x"', b"true"))),
    "missing_field": ("INVALID", _without),
    "wrong_type": ("INVALID", lambda event, chance: compact(event, seq=chance.choice(("7", 1.5, True, None, [7])))),
    "wrong_type_of_id": ("INVALID", _with(event_id=7)),
    "out_of_range": ("INVALID", lambda event, chance: compact(event, seq=chance.choice((-1, 2**31 + 1, 10**30)))),
    "latitude_of_91": ("INVALID", _gps("1.0", 91)),
    "hold_of_an_hour": ("INVALID", _typing(hold_ms=[3_600_000])),
    "columns_of_two_lengths": ("INVALID", _typing(classes="ll")),
    "key_identity": ("INVALID", _typing(keys="p")),
    "long_id": ("INVALID", lambda event, _: compact(event, event_id="e" * 65)),
    "empty_id": ("INVALID", _with(event_id="")),
    "id_with_newline": ("INVALID", lambda event, _: compact(event, event_id=event["event_id"] + "\n")),
    "id_not_ascii": ("INVALID", lambda event, _: compact(event, event_id="ｅ" + event["event_id"])),
}
"""By name: the reason that its dead letter must give, and how to make the value."""


def _spoilt(kind: str) -> Callable[[Event, Random], Draft]:
    reason, spoil = SPOILT[kind]

    def broken(event: Event, chance: Random) -> Draft:
        key = event["subject_id"].encode()
        headers = ODD_HEADERS if chance.random() < 0.3 else ()
        value = spoil(event, chance)
        return Draft(event=event, kind=kind, key=key, value=value, headers=headers, reason=reason)

    return broken


def _misrouted(kind: str, *, beside: bool = False, key: Callable[[bytes], Bytes] = bytes) -> Callable[..., Draft]:
    def broken(event: Event, chance: Random) -> Draft:
        return Draft(
            event=event,
            kind=kind,
            key=key(event["subject_id"].encode()),
            value=compact(event),
            reason="MISROUTED",
            beside=chance.randrange(1, 6) if beside else 0,
        )

    return broken


def _subject_with_newline(event: Event, _: Random) -> Draft:
    name = event["subject_id"] + "\n"
    value = compact(event, subject_id=name)
    return Draft(event=event, kind="subject_with_newline", key=name.encode(), value=value, reason="INVALID")


DEFECTS: dict[str, Callable[[Event, Random], Draft]] = {
    **{kind: _spoilt(kind) for kind in SPOILT},
    "no_key": _misrouted("no_key", key=lambda _: None),
    "empty_key": _misrouted("empty_key", key=lambda _: b""),
    "foreign_key": _misrouted("foreign_key", key=lambda key: b"s-somebody-else-" + key[-1:]),
    "key_not_utf_8": _misrouted("key_not_utf_8", key=lambda key: b"\xff\xfe" + key),
    "key_and_newline": _misrouted("key_and_newline", key=lambda key: key + b"\n"),
    "wrong_partition": _misrouted("wrong_partition", beside=True),
    "subject_with_newline": _subject_with_newline,
}
"""By name: from a sound event to a record that must not be judged, whatever its event's id."""


def same_id_other_content(first: Draft) -> Draft:
    """Return an event that claims the id of one that came before it."""
    value = compact(first.event, seq=first.event["seq"] + 1)
    return Draft(event=first.event, kind="id_reuse", key=first.key, value=value, reason="ID_REUSE")
