"""Records to be sent: a good event in any of the ways that JSON may be written, or broken in one of the known ways."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from tests.outside.customers import Event, asked_of
from tests.outside.manifest import Sent, digest, hexed

Headers = Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A record before it is sent. `beside` is by how many partitions it misses the one of its key."""

    event: Event
    kind: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    reason: str | None = None
    beside: int = 0
    repeats: bool = False

    def sent_to(self, partition: int, offset: int) -> Sent:
        """Return its line in the manifest."""
        judged = self.reason is None and not self.repeats
        return Sent(
            kind=self.kind,
            fate="judged" if judged else "dead" if self.reason else "known",
            reason=self.reason,
            subject_id=str(self.event["subject_id"]),
            event_id=str(self.event["event_id"]),
            event_type=str(self.event["type"]),
            asks=asked_of(self.event) if judged else None,
            key=hexed(self.key),
            sha256=digest(self.value),
            headers=[(name, hexed(value)) for name, value in self.headers],
            partition=partition,
            offset=offset,
        )


def good(event: Event, value: bytes, kind: str = "plain", headers: Headers = ()) -> Draft:
    """Return the record of a sound event."""
    return Draft(event=event, kind=kind, key=event["subject_id"].encode(), value=value, headers=headers)


def again(first: Draft) -> Draft:
    """Return the same record once more."""
    return replace(first, kind="same_again", repeats=True)


def compact(event: Event, **more: Any) -> bytes:
    """Write an event as producers do."""
    return json.dumps(event | more, separators=(",", ":"), ensure_ascii=False).encode()


TEN_YEARS_MS = 10 * 365 * 86_400_000
HEADERS: Headers = (("ce_id", b"1"), ("trace", None), ("trace", b"\xff\x00"), ("empty", b""))


def _clock_off(off_ms: int, kind: str) -> Callable[[Event], Draft]:
    def shifted(event: Event) -> Draft:
        event = event | {"occurred_ms": event["occurred_ms"] + off_ms}
        return good(event, compact(event), kind)

    return shifted


def _exactly_16_kb(event: Event) -> Draft:
    n_missing = 16_384 - len(compact(event, padding=""))
    return good(event, compact(event, padding="x" * n_missing), "exactly_16_kb")


SHAPES: Sequence[Callable[[Event], Draft]] = (
    _clock_off(-TEN_YEARS_MS, "clock_ten_years_slow"),
    _clock_off(TEN_YEARS_MS, "clock_ten_years_fast"),
    lambda event: good(event, json.dumps(event, indent=2).encode(), "indented"),
    lambda event: good(event, compact(event).replace(b'"type"', b'"\\u0074ype"'), "escaped"),
    lambda event: good(event, compact(event), "headers", HEADERS),
)
WITH_A_FIELD_MORE: Sequence[Callable[[Event], Draft]] = (
    lambda event: good(event, compact(event, from_a_newer_release={"日": [1, None, True]}), "unknown_field"),
    _exactly_16_kb,
)


def varied(event: Event, chance: Random) -> Draft:
    """Return a sound event in one of the shapes that must be taken, plain in nine cases of ten."""
    if chance.random() < 0.9:
        return good(event, compact(event))
    more = () if event["type"] == "keystroke" else WITH_A_FIELD_MORE
    return chance.choice((*SHAPES, *more))(event)
