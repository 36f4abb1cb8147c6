"""From the records of a batch to events and dead letters."""

import hashlib
import zlib
from collections.abc import Container, Iterator
from typing import Any, NamedTuple

from msgspec import Struct

from menshen.contract.dead_letter import CUT, DETAIL_HEADER, REASON_HEADER, SOURCE_HEADER, RejectReason
from menshen.contract.decoding import Undecodable, decode_event
from menshen.contract.events import Event
from menshen.contract.routing import partition_of
from menshen.fraud.sighting import SHOWING
from menshen.shell.kafka.clients import Outgoing
from menshen.shell.redis.store import Shared

MAX_LETTER_BYTES = 1_048_588
"""What the events topic takes uncompressed; the dead letters' topic takes so much, and our headers."""
MAX_CUT_KEY_BYTES = 1024
MAX_CUT_VALUE_BYTES = MAX_LETTER_BYTES - MAX_CUT_KEY_BYTES
_OUR_HEADERS = (REASON_HEADER, DETAIL_HEADER, SOURCE_HEADER)


class Arrival(Struct, frozen=True, gc=False):
    """A record that is an event about the subject whose partition it came on."""

    record: Any
    event: Event

    @property
    def key(self) -> tuple[str, str]:
        """What makes the event one: its subject and its id."""
        return self.event.subject_id, self.event.event_id

    @property
    def content_crc(self) -> int:
        """The CRC-32 of the record's value: two events of one id are the same event only where it agrees."""
        return zlib.crc32(self.record.value)


class Batch(NamedTuple):
    """A batch, decoded: what can be judged, and what goes to the dead letters with the reason."""

    first: int
    last: int
    arrivals: list[Arrival]
    dead: list[Outgoing]


def decode(
    records: list[Any], n_partitions: int, known_subjects: Container[str], quarantined: Container[int] = ()
) -> Batch:
    """Decode a batch; no record keeps another from being judged.

    The partition of a subject in memory has been checked before, so that it is computed once a subject. The records at
    the offsets `quarantined` are not looked at.
    """
    arrivals, dead = list[Arrival](), list[Outgoing]()
    checked = set[str]()
    for record in records:
        try:
            if record.offset in quarantined:
                raise Undecodable(RejectReason.QUARANTINED, "stepping it failed time and again; see the worker's log")
            event = decode_event(record.value)
            name = event.subject_id
            if record.key != name.encode() or not (name in checked or name in known_subjects):
                _refuse_misrouted(record, name, n_partitions)
                checked.add(name)
            arrivals.append(Arrival(record, event))
        except Undecodable as error:
            dead.append(dead_letter(record, error.reason, error.detail))
    return Batch(records[0].offset, records[-1].offset, arrivals, dead)


def dead_letter(record: Any, reason: RejectReason, detail: str) -> Outgoing:
    """Return the record for the dead letters: key, value and headers as they came, and why.

    A record that was compressed on its way may be larger than any topic takes. It is cut to fit, and the detail says so
    and gives the SHA-256 of its value.
    """
    headers = [(name, value) for name, value in record.headers if name not in _OUR_HEADERS]
    key, value = record.key, record.value
    if _n_bytes(record) > MAX_LETTER_BYTES:
        whole = f"{_n_bytes(record)} bytes, SHA-256 of the value {hashlib.sha256(value or b'').hexdigest()}"
        detail = f"{CUT} {whole}; {detail}"
        key, value, headers = key and key[:MAX_CUT_KEY_BYTES], value and value[:MAX_CUT_VALUE_BYTES], []
    source = f"{record.topic}/{record.partition}/{record.offset}"
    added = {REASON_HEADER: reason.value, DETAIL_HEADER: detail[:500], SOURCE_HEADER: source}
    return Outgoing(key, value, [*headers, *((name, text.encode(errors="replace")) for name, text in added.items())])


def _n_bytes(record: Any) -> int:
    headers = sum(len(name) + len(value or b"") for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers


def shared_of(arrival: Arrival) -> Iterator[Shared]:
    """Yield the entries that an event makes in the state that partitions share; most events make none."""
    event, appended_ms = arrival.event, arrival.record.timestamp
    if type(event) not in SHOWING:
        return
    if event.device_id is not None:
        yield Shared("d", event.device_id, appended_ms, event.subject_id)
    if (address := getattr(event, "ip", None)) is not None:
        yield Shared("i", address, appended_ms, event.subject_id)


def _refuse_misrouted(record: Any, subject_id: str, n_partitions: int) -> None:
    if record.key is None:
        raise Undecodable(RejectReason.MISROUTED, "the record has no key; it must be the subject_id")
    if record.key != subject_id.encode():
        raise Undecodable(RejectReason.MISROUTED, "the record's key is not its subject_id")
    right = partition_of(record.key, n_partitions)
    if record.partition != right:
        detail = f"on partition {record.partition}, its key belongs on {right}: the producer must partition by murmur2"
        raise Undecodable(RejectReason.MISROUTED, detail)
