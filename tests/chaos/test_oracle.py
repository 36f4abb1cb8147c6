"""The oracle can fail: each doctored log, and each run that was worth too little, is named for what it is."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.chaos.oracle.census import Census, fates_of, with_unacknowledged
from tests.chaos.oracle.judging import Floors, Judgement, judge_partition, worth
from tests.chaos.oracle.log import Dated
from tests.chaos.oracle.retold import compare_retold
from tests.chaos.oracle.state import State, differences, recounted
from tests.outside.comparison import Discrepancy
from tests.outside.manifest import ASSESSMENTS, DEAD_LETTERS, EVENTS, VERDICTS, Sent, digest
from tests.outside.reading import Record

Found = dict[str, list[Record]]
Doctor = Callable[[Found], None]


def line(subject: str, number: int, offset: int, **more: Any) -> Sent:
    given = {"fate": "judged", "kind": "plain", "event_type": "login", "sha256": digest(b""), "headers": []} | more
    ids = {"subject_id": subject, "event_id": f"e-{subject}-{number}", "key": subject.encode().hex()}
    return Sent(**ids, **given, partition=0, offset=offset)


def asked(subject: str) -> dict[str, Any]:
    return {"kind": "login", "session_id": f"v-{subject}", "device_id": "d-1"}


SENT = [
    line("s-1", 1, 0, asks=asked("s-1")),
    line("s-2", 1, 1, asks=asked("s-2")),
    line("s-1", 1, 2, fate="known"),
    line("s-2", 2, 3, fate="dead", reason="MALFORMED", sha256=digest(b"{")),
    line("s-2", 3, 4, asks=asked("s-2")),
]


def event(one: Sent) -> Dated:
    value = (
        b"{" if one.fate == "dead" else json.dumps({"type": "login", "device_id": "d-1", "ip": "192.0.2.1"}).encode()
    )
    return Dated(Record(EVENTS, 0, one.offset, one.subject_id.encode(), value), 1_000 + one.offset)


def census() -> Census:
    counted = Census()
    counted.take(0, [event(one) for one in SENT], fates_of(SENT)[0])
    return counted


def answer(topic: str, at: int, one: Sent, body: dict[str, Any]) -> Record:
    ids = {"subject_id": one.subject_id, "event_id": one.event_id}
    return Record(topic, 0, at, one.subject_id.encode(), json.dumps(ids | body).encode())


def assessment(at: int, one: Sent, n_subjects: int, **more: Any) -> Record:
    observed = {"device_subjects_30d": n_subjects, "ip_subjects_1d": n_subjects}
    body = {"assessment_id": f"a-{one.event_id}", "event_type": "login", "offset": one.offset, "observed": observed}
    return answer(ASSESSMENTS, at, one, body | more)


def verdict(at: int, one: Sent, **more: Any) -> Record:
    body = {"verdict_id": f"v-{one.event_id}", "decision": "allow"} | (one.asks or {})
    return answer(VERDICTS, at, one, body | more)


def found() -> Found:
    letter = (("reason", b"MALFORMED"), ("detail", b"cut off"), ("source", f"{EVENTS}/0/3".encode()))
    return {
        ASSESSMENTS: [assessment(0, SENT[0], 1), assessment(1, SENT[1], 2), assessment(2, SENT[4], 2)],
        VERDICTS: [verdict(0, SENT[0]), verdict(1, SENT[1]), verdict(2, SENT[4])],
        DEAD_LETTERS: [Record(DEAD_LETTERS, 0, 0, b"s-2", b"{", letter)],
    }


def judged(doctor: Doctor = lambda _: None) -> Judgement:
    records, judgement = found(), Judgement()
    doctor(records)
    judgement.add(judge_partition(SENT, records, census(), lambda *_: True))
    return judgement


def test_a_log_in_order_is_no_discrepancy() -> None:
    assert judged().discrepancies == []


def test_a_record_that_stands_there_again_byte_for_byte_is_counted_and_no_fault() -> None:
    judgement = judged(_add(ASSESSMENTS, assessment(3, SENT[1], 2)))
    assert judgement.discrepancies == []
    assert judgement.n_repeats == 1


def _drop(topic: str, at: int) -> Doctor:
    return lambda records: records[topic].__delitem__(at)


def _add(topic: str, record: Record) -> Doctor:
    return lambda records: records[topic].append(record)


def _put(topic: str, at: int, record: Record) -> Doctor:
    return lambda records: records[topic].__setitem__(at, record)


def _swap(records: Found) -> None:
    records[ASSESSMENTS][1:] = records[ASSESSMENTS][:0:-1]


@pytest.mark.parametrize(
    ("doctor", "what"),
    [
        (_drop(ASSESSMENTS, 1), "MISSING assessment"),
        (_drop(VERDICTS, 1), "MISSING verdict"),
        (_drop(DEAD_LETTERS, 0), "MISSING dead letter"),
        (_add(ASSESSMENTS, assessment(3, SENT[4], 2, assessment_id="another")), "2 DIFFERENT IDS, assessment"),
        (_add(VERDICTS, verdict(3, SENT[1], verdict_id="another")), "2 DIFFERENT IDS, verdict"),
        (_add(ASSESSMENTS, assessment(3, SENT[1], 2, score=7)), "ALTERED"),
        (_add(VERDICTS, verdict(3, SENT[1], decision="block")), "ALTERED"),
        (_put(ASSESSMENTS, 1, assessment(1, SENT[1], 1)), "MISCOUNTED"),
        (_put(ASSESSMENTS, 1, assessment(1, SENT[1], 3)), "MISCOUNTED"),
        (_swap, "OUT OF ORDER"),
    ],
)
def test_a_doctored_log_is_seen_through(doctor: Doctor, what: str) -> None:
    assert what in judged(doctor).by_kind()


def test_the_three_figures_count_what_they_say() -> None:
    lost = judged(_drop(ASSESSMENTS, 1))
    doubled = judged(_add(VERDICTS, verdict(3, SENT[1], verdict_id="another")))
    conflicting = judged(_add(ASSESSMENTS, assessment(3, SENT[1], 2, score=7)))
    assert (lost.n_lost, doubled.n_doubled, conflicting.n_conflicting) == (1, 1, 1)
    assert judged().n_lost == judged().n_doubled == judged().n_conflicting == 0


FULL = Floors(repeats_share=0.2, shared_share=0.0, n_applications=0, n_draws=0)


@pytest.mark.parametrize(
    ("floors", "what"),
    [
        (replace(FULL, repeats_share=0.21), "repeats share"),
        (replace(FULL, shared_share=0.01), "shared devices share"),
        (replace(FULL, n_applications=1), "applications"),
        (replace(FULL, n_draws=1), "draws"),
    ],
)
def test_a_load_that_is_worth_too_little_is_named(floors: Floors, what: str) -> None:
    assert list(worth(census(), FULL)) == []
    assert [(one.what, one.about) for one in worth(census(), floors)] == [("TOO FEW", what)]


def test_the_short_form_and_anything_larger_has_the_full_floors() -> None:
    assert Floors().scaled(100_000) == Floors().scaled(1_000_000) == Floors()
    assert Floors().scaled(50_000) == Floors(n_applications=1_000, n_draws=500)


def test_devices_are_shared_where_their_subjects_lie_on_two_partitions() -> None:
    counted = Census()
    for partition in (0, 1):
        counted.take(partition, [event(SENT[partition])], {partition: SENT[partition]})
    assert counted.shared_share == 1.0
    assert census().shared_share == 0.0


def test_a_record_that_was_appended_twice_and_acknowledged_once_is_judged_where_it_stands_first() -> None:
    first, line_on_it = event(SENT[0]).record, replace(SENT[0], offset=5, sha256=digest(event(SENT[0]).record.value))
    lines = with_unacknowledged({5: line_on_it}, [first, first._replace(offset=5)])
    assert (lines[0].fate, lines[0].asks) == ("judged", SENT[0].asks)
    assert (lines[5].fate, lines[5].asks) == ("known", None)
    assert with_unacknowledged({5: line_on_it}, [first._replace(offset=5)]) == {5: line_on_it}


SETS = {b"{t:shared:0}:d:01": {b"x": 1_002, b"y": 1_004}, b"{t:shared:1}:i:02": {b"x": 1_002, b"y": 1_004}}


def test_shared_state_that_is_as_the_log_says_is_no_discrepancy() -> None:
    assert list(recounted(State(sets=SETS), census())) == []


@pytest.mark.parametrize(
    "sets",
    [
        {b"{t:shared:0}:d:01": {b"x": 1_002, b"y": 1_004}},
        SETS | {b"{t:shared:0}:d:01": {b"x": 1_002}},
        SETS | {b"{t:shared:0}:d:01": {b"x": 1_000, b"y": 1_004}},
        SETS | {b"{t:shared:3}:d:03": {b"z": 7}},
    ],
)
def test_shared_state_that_is_not_as_the_log_says_is_named(sets: dict[bytes, dict[bytes, int]]) -> None:
    assert {one.what for one in recounted(State(sets=sets), census())} == {"SHARED STATE"}


@pytest.mark.parametrize(
    "state",
    [
        State(blobs={b"s": b"1"}, marks={b"p": 7}),
        State(blobs={b"s": b"0"}, marks={b"p": 6}),
        State(blobs={b"s": b"0"}, marks={b"p": 7}, sets=SETS),
        State(marks={b"p": 7}),
    ],
)
def test_a_state_that_a_calm_run_would_not_have_made_is_named(state: State) -> None:
    calm = State(blobs={b"s": b"0"}, marks={b"p": 7})
    assert list(differences(calm, calm)) == []
    assert all(one.what.startswith("STATE DIFFERS") for one in differences(state, calm))
    assert list(differences(state, calm))


def test_what_is_told_otherwise_is_named_and_repeats_are_not() -> None:
    published = found()[ASSESSMENTS]
    assert compare_retold(ASSESSMENTS, [*published, published[0]], published) == (3, [])
    for told in (published[1:], [*published[:2], assessment(2, SENT[4], 2, score=1)]):
        (one,) = compare_retold(ASSESSMENTS, published, told).discrepancies
        assert isinstance(one, Discrepancy)
        assert one.what == "RETOLD OTHERWISE"
