import hashlib
from typing import Any, NamedTuple

import pytest

from menshen.contract.dead_letter import DETAIL_HEADER, REASON_HEADER, SOURCE_HEADER, RejectReason
from menshen.contract.decoding import encode_event
from menshen.contract.events import Checkpoint, Location, Login
from menshen.contract.routing import partition_of
from menshen.detect.arrivals import MAX_LETTER_BYTES, dead_letter, decode, shared_of
from menshen.shell.redis.store import Shared

N_PARTITIONS = 6
IDS = {"event_id": "e", "subject_id": "anna", "session_id": "v", "product_id": "p", "seq": 0}
TIMES = {"occurred_ms": 1, "received_ms": 1, "assurance": "claimed"}
LOGIN = Login(**IDS, **TIMES, outcome="success", method="otp", device_id="phone", ip="192.0.2.1")


class Record(NamedTuple):
    value: bytes | None = encode_event(LOGIN)
    key: bytes | None = b"anna"
    partition: int = partition_of(b"anna", N_PARTITIONS)
    offset: int = 7
    topic: str = "events"
    headers: Any = ()
    timestamp: int = 1000


def reason(record: Record, **options: Any) -> str | None:
    batch = decode([record], N_PARTITIONS, options.pop("known", ()), **options)
    return dict(batch.dead[0].headers)[REASON_HEADER].decode() if batch.dead else None


def test_a_record_on_its_key_s_partition_arrives() -> None:
    (arrival,) = decode([Record()], N_PARTITIONS, ()).arrivals
    assert arrival.event == LOGIN
    assert arrival.key == ("anna", "e")


@pytest.mark.parametrize("known", [(), ("anna",)])
def test_no_key_and_a_foreign_key_are_misrouted_though_the_subject_is_known(known: tuple[str, ...]) -> None:
    assert reason(Record(key=None), known=known) == "MISROUTED"
    assert reason(Record(key=b"bert"), known=known) == "MISROUTED"


def test_another_partition_than_the_key_s_is_misrouted() -> None:
    assert reason(Record(partition=(Record().partition + 1) % N_PARTITIONS)) == "MISROUTED"


def test_a_broken_record_keeps_no_other_from_arriving() -> None:
    batch = decode([Record(b"{"), Record(None, offset=8), Record(offset=9)], N_PARTITIONS, ())
    assert (batch.first, batch.last) == (7, 9)
    assert [arrival.record.offset for arrival in batch.arrivals] == [9]
    assert [letter.value for letter in batch.dead] == [b"{", None]


def test_a_quarantined_record_is_not_looked_at_and_its_neighbours_are() -> None:
    batch = decode([Record(offset=6), Record(), Record(offset=8)], N_PARTITIONS, (), quarantined={7})
    assert [arrival.record.offset for arrival in batch.arrivals] == [6, 8]
    assert reason(Record(), quarantined={7}) == "QUARANTINED"


def test_a_dead_letter_keeps_key_value_and_headers_and_says_why_and_whence() -> None:
    record = Record(b"\xff", b"k", 3, headers=(("trace", b"1"), ("none", None), (REASON_HEADER, b"forged")))
    letter = dead_letter(record, RejectReason.MALFORMED, "because 坏")
    assert (letter.key, letter.value) == (b"k", b"\xff")
    assert list(letter.headers) == [
        ("trace", b"1"),
        ("none", None),
        (REASON_HEADER, b"MALFORMED"),
        (DETAIL_HEADER, "because 坏".encode()),
        (SOURCE_HEADER, b"events/3/7"),
    ]


@pytest.mark.parametrize(
    "giant",
    [
        {"value": bytes(2 * MAX_LETTER_BYTES)},
        {"key": bytes(2 * MAX_LETTER_BYTES)},
        {"headers": (("h", bytes(2 * MAX_LETTER_BYTES)),)},
        {"key": bytes(MAX_LETTER_BYTES), "value": bytes(MAX_LETTER_BYTES)},
    ],
)
def test_a_record_larger_than_any_topic_takes_is_cut_and_its_digest_given(giant: dict[str, Any]) -> None:
    record = Record(**giant)
    letter = dead_letter(record, RejectReason.OVERSIZED, "too large")
    assert len(letter.value or b"") + len(letter.key or b"") <= MAX_LETTER_BYTES
    assert [name for name, _ in letter.headers] == [REASON_HEADER, DETAIL_HEADER, SOURCE_HEADER]
    assert (record.value or b"").startswith(letter.value or b"")
    assert hashlib.sha256(record.value or b"").hexdigest().encode() in dict(letter.headers)[DETAIL_HEADER]


def test_the_largest_record_that_the_events_topic_takes_is_not_cut() -> None:
    value = bytes(MAX_LETTER_BYTES - len(b"anna"))
    assert dead_letter(Record(value), RejectReason.OVERSIZED, "too large").value == value


def test_an_event_makes_a_shared_entry_for_its_device_and_one_for_its_address() -> None:
    (arrival,) = decode([Record()], N_PARTITIONS, ()).arrivals
    entries = [Shared("d", "phone", 1000, "anna"), Shared("i", "192.0.2.1", 1000, "anna")]
    assert list(shared_of(arrival)) == entries


def test_an_event_without_an_address_makes_no_entry_for_one() -> None:
    checkpoint = Checkpoint(**IDS, **TIMES, application_id="a", device_id="phone", step="agreement", attempt=1)
    (arrival,) = decode([Record(encode_event(checkpoint))], N_PARTITIONS, ()).arrivals
    assert [entry.kind for entry in shared_of(arrival)] == ["d"]


def test_telemetry_shows_nobody_on_its_device() -> None:
    location = Location(**IDS, **TIMES, device_id="phone", ip="192.0.2.1")
    (arrival,) = decode([Record(encode_event(location))], N_PARTITIONS, ()).arrivals
    assert list(shared_of(arrival)) == []
