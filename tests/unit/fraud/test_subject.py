"""What is remembered of a subject fits into its blob and comes back from it unchanged."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from menshen.fraud.deciding import MAX_ALLOWS, MAX_ATTEMPTS
from menshen.fraud.detector import Finding
from menshen.fraud.detectors import FEATURES
from menshen.fraud.detectors.device.new_device import KnownDevice, NewDeviceState
from menshen.fraud.detectors.device.shared_device import SharedDeviceState
from menshen.fraud.excusing import MAX_EXEMPTIONS, MAX_RULINGS
from menshen.fraud.reasons import REASONS, bits_of
from menshen.fraud.subject import (
    MAX_SUBJECT_BYTES,
    NOBODY,
    REMEMBERED_CLAIMS,
    REMEMBERED_EVENTS,
    Attempt,
    Exemption,
    OpenAllow,
    RecentEvents,
    Ruling,
    Seen,
    Standing,
    Subject,
    Visit,
    pack,
    unpack,
)
from menshen.fraud.visits import MAX_CLAIMED_VISITS, MAX_STANDING, MAX_VISITS, SOURCES

FUTURE_MS = 2**45
TAG = b"8 bytes!"
STATE = NewDeviceState((KnownDevice(TAG, 1, proven=True),))
SEEN = Seen(3, bits_of(REASONS))
ALLOW = OpenAllow(bytes(range(16)), FUTURE_MS, "a" * 64, "limit_activation", 1000, "w" * 64, "999999999999.99", SEEN)


def full(evidence: int = 3) -> Subject:
    """Return a subject of whom everything is remembered that there is room for, detectors' own states aside."""
    finding = Finding("NIGHT_DEVICE_SWITCHING", 1000, FUTURE_MS, {f"figure_number_{i}": 1e300 for i in range(evidence)})
    n_visits = MAX_VISITS + MAX_CLAIMED_VISITS
    return Subject(
        recent=RecentEvents(bytes(12 * REMEMBERED_EVENTS)),
        claims=RecentEvents(bytes(12 * REMEMBERED_CLAIMS)),
        layout=2**32 - 1,
        visits=(Visit(TAG, FUTURE_MS, 2 ** len(SOURCES) - 1, bytes(8 * len(FEATURES)), True, TAG),) * n_visits,
        standing=(Standing(finding, TAG, FUTURE_MS),) * MAX_STANDING,
        exemptions=(Exemption("bank_card", TAG, FUTURE_MS),) * MAX_EXEMPTIONS,
        attempts=(Attempt(TAG, "step_up", SEEN.codes),) * MAX_ATTEMPTS,
        allows=(ALLOW,) * MAX_ALLOWS,
        rulings=(Ruling(TAG * 2, 1000, FUTURE_MS, SEEN),) * MAX_RULINGS,
    )


def with_state(subject: Subject, **states: Any) -> Subject:
    return msgspec.structs.replace(subject, states=states)


def test_the_fullest_memory_fits_into_the_blob() -> None:
    """With identifiers of 36 characters, the detectors' states aside: nobody has all of it at once."""
    assert len(pack(full())) <= MAX_SUBJECT_BYTES


def test_a_blob_comes_back_as_it_was() -> None:
    subject = with_state(full(), new_device=STATE)
    restored = unpack(pack(subject))
    assert restored.state_of("new_device", NewDeviceState) == STATE
    assert with_state(restored, new_device=STATE) == subject
    assert pack(restored) == pack(subject)


def test_a_state_that_nobody_looked_at_is_packed_as_it_was() -> None:
    blob = pack(with_state(NOBODY, gone=STATE, new_device=STATE))
    restored = unpack(blob)
    assert pack(restored) == blob
    touched = with_state(restored, **{**restored.states, "new_device": NewDeviceState()})
    assert unpack(pack(touched)).state_of("gone", NewDeviceState) == STATE
    assert unpack(pack(touched)).state_of("new_device", NewDeviceState) == NewDeviceState()


def test_nobody_is_known_and_nothing_of_him() -> None:
    assert unpack(pack(NOBODY)) == NOBODY
    assert NOBODY.state_of("new_device", NewDeviceState) == NewDeviceState()
    assert NOBODY.state_of("shared_device", SharedDeviceState) == SharedDeviceState()
    assert NOBODY.content_of(TAG) is None


@pytest.mark.parametrize("n_fields", range(len(Subject.__struct_fields__)))
def test_a_blob_of_an_earlier_release_with_fewer_fields_still_decodes(n_fields: int) -> None:
    fields = msgspec.msgpack.decode(pack(with_state(full(), new_device=STATE)))
    older = unpack(msgspec.msgpack.encode(fields[:n_fields]))
    newest = Subject.__struct_fields__[n_fields]
    assert getattr(older, newest) == getattr(NOBODY, newest)
    assert older.layout == (full().layout if n_fields > Subject.__struct_fields__.index("layout") else 0)


@pytest.mark.parametrize("kind", [Visit, Standing, Exemption, Attempt, OpenAllow, Seen, Ruling])
def test_the_parts_of_a_subject_are_arrays_that_can_grow_at_the_end(kind: type[msgspec.Struct]) -> None:
    assert kind.__struct_config__.array_like
    assert kind.__struct_config__.frozen
    assert not kind.__struct_config__.forbid_unknown_fields


def test_a_blob_of_another_version_is_refused_not_misread() -> None:
    fields = msgspec.msgpack.decode(pack(full()))
    for changed in ([2, *fields[1:]], [0, *fields[1:]], fields[1:], {"version": 1}):
        with pytest.raises(msgspec.ValidationError):
            unpack(msgspec.msgpack.encode(changed))


def test_an_allow_knows_the_id_of_its_verdict() -> None:
    assert ALLOW.verdict_id == "00010203-0405-0607-0809-0a0b0c0d0e0f"


keys = st.binary(min_size=8, max_size=8)
contents = st.binary(min_size=4, max_size=4)


@settings(max_examples=200)
@given(
    entries=st.lists(st.tuples(st.sampled_from([bytes(8), b"\0\0\0\0\1\1\1\1", TAG, b"\1" * 8]), contents), max_size=9)
)
def test_the_newest_content_of_an_id_is_found_wherever_the_same_bytes_stand(entries: list[tuple[bytes, bytes]]) -> None:
    recent, known = RecentEvents(), dict[bytes, bytes]()
    for key, content in entries:
        if key not in known:
            recent, known[key] = recent.with_event(key, content), content
    for key in (bytes(8), b"\0\0\0\0\1\1\1\1", TAG, b"\1" * 8, b"\0" * 7 + b"\1"):
        assert recent.content_of(key) == known.get(key)


def test_an_id_is_not_found_across_the_border_of_two_entries() -> None:
    recent = RecentEvents().with_event(b"AAAABBBB", b"CCCC").with_event(b"DDDDEEEE", b"FFFF")
    for inside in (b"BBBBCCCC", b"CCCCDDDD", b"EEEEFFFF"):
        assert recent.content_of(inside) is None
    covered = recent.with_event(b"CCCCDDDD", b"GGGG")
    assert covered.content_of(b"CCCCDDDD") == b"GGGG"
    assert covered.content_of(b"DDDDEEEE") == b"FFFF"


def test_the_oldest_event_gives_way_and_no_other() -> None:
    recent = RecentEvents()
    for i in range(REMEMBERED_EVENTS + 1):
        recent = recent.with_event(i.to_bytes(8, "big"), b"same")
    known = [i for i in range(REMEMBERED_EVENTS + 1) if recent.content_of(i.to_bytes(8, "big"))]
    assert known == list(range(1, REMEMBERED_EVENTS + 1))
