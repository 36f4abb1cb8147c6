"""A dead letter: what it says of itself, what this release makes of it, and why it may not be sent again."""

from collections.abc import Sequence
from typing import NamedTuple

from menshen.commands.records.printing import Record, text_of
from menshen.contract.dead_letter import (
    CUT,
    DETAIL_HEADER,
    REASON_HEADER,
    REPLAYED_FROM_HEADER,
    SOURCE_HEADER,
    RejectReason,
)
from menshen.contract.routing import partition_of
from menshen.contract.topics import EVENTS
from menshen.detect.arrivals import decode

OURS = (REASON_HEADER, DETAIL_HEADER, SOURCE_HEADER, REPLAYED_FROM_HEADER)
"""Headers that a dead letter has and the record had not."""


class Place(NamedTuple):
    """Where a dead letter lies."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}/{self.offset}"


class Letter(NamedTuple):
    """A record of the dead letters' topic."""

    record: Record

    @property
    def place(self) -> Place:
        """Where it lies."""
        return Place(self.record.partition, self.record.offset)

    @property
    def reason(self) -> str:
        """The code for which it was not judged; `?` where it names none."""
        return self._said(REASON_HEADER) or "?"

    @property
    def detail(self) -> str:
        """What was wrong, for people."""
        return self._said(DETAIL_HEADER)

    @property
    def source(self) -> str:
        """Where the record lay: topic, partition and offset."""
        return self._said(SOURCE_HEADER) or "?"

    @property
    def replayed_from(self) -> str:
        """The place of the dead letter that was sent again and failed as this one, or nothing."""
        return self._said(REPLAYED_FROM_HEADER)

    def headers_again(self) -> list[tuple[str, bytes]]:
        """Return the headers that it goes out with once more: those it came with, and from where."""
        return [*self.headers_before(), (REPLAYED_FROM_HEADER, str(self.place).encode())]

    def headers_before(self) -> list[tuple[str, bytes]]:
        """Return the headers that the record came with."""
        return [(name, value or b"") for name, value in self.record.headers if name not in OURS]

    def _said(self, header: str) -> str:
        return text_of(dict(self.record.headers).get(header))


class Reading(NamedTuple):
    """What `detect` of this release would make of a letter that is sent again: refuse it, or take it for an event."""

    refusal: RejectReason | None
    told: str


class _Again(NamedTuple):
    key: bytes | None
    value: bytes | None
    partition: int
    headers: Sequence[tuple[str, bytes]]
    topic: str = EVENTS
    offset: int = 0


def read_again(letter: Letter, n_partitions: int) -> Reading:
    """Decode and route a letter as `detect` would, of so many partitions on the one where it would come to lie."""
    key = letter.record.key
    again = _Again(key, letter.record.value, partition_of(key or b"", n_partitions), letter.headers_again())
    batch = decode([again], n_partitions, frozenset())
    for dead in batch.dead:
        said = dict(dead.headers)
        return Reading(RejectReason(said[REASON_HEADER].decode()), said[DETAIL_HEADER].decode())
    event = batch.arrivals[0].event
    return Reading(None, f"{event.__struct_config__.tag} {event.event_id} of {event.subject_id}")


def why_not(letter: Letter, reading: Reading, *, quarantined: bool) -> str | None:
    """Say why a letter must not be sent again; None if it may. `quarantined`: those, too, that ended a worker."""
    if letter.reason == RejectReason.ID_REUSE:
        return "its event_id belongs to another content that came first; only a new event_id helps"
    if letter.detail.startswith(CUT):
        return "its value was cut to fit in here, so it is not what was sent"
    if letter.reason == RejectReason.QUARANTINED and not quarantined:
        return "judging it ended the worker; --quarantined sends it, once the mistake is mended and released"
    return f"refused again, {reading.refusal}: {reading.told}" if reading.refusal else None
