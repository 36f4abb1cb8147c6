"""The load by which speed is measured: its shares, its people, and that it is the same each time."""

import itertools
from collections import Counter, defaultdict

import pytest
from tests.bench.contestants.judging import rules_as_shipped

from menshen.bench.crowd import DEVICE, SHARES, SUBJECT, Crowd
from menshen.bench.mix import HOT_DEVICE, Due, events, hot, telemetry
from menshen.contract.assessment import Observed
from menshen.contract.decoding import decode_event
from menshen.contract.events import Device, Login
from menshen.fraud.sighting import Sighting
from menshen.fraud.step import step
from menshen.fraud.subject import unpack

NOW_MS = 1_764_000_000_000


@pytest.fixture(scope="module")
def crowd() -> Crowd:
    return Crowd(60, rules_as_shipped(), now_ms=NOW_MS)


def some(crowd: Crowd, n_events: int) -> list[Due]:
    return list(itertools.islice(events(crowd), n_events))


def test_the_mix_is_the_stated_one(crowd: Crowd) -> None:
    seen = Counter(due.template.family for due in some(crowd, 20_000))
    for family, share in SHARES.items():
        assert seen[family] / 20_000 == pytest.approx(share, rel=0.25), family
    assert sum(SHARES.values()) == pytest.approx(1.0)


def test_every_record_is_a_good_event_of_its_customer_and_no_two_have_one_id(crowd: Crowd) -> None:
    ids = set[str]()
    for due in some(crowd, 2_000):
        event = decode_event(due.value(NOW_MS))
        assert event.subject_id.encode() == due.customer.subject
        assert (event.device_id or "").encode() == due.customer.device
        assert event.received_ms < NOW_MS
        assert SUBJECT not in str(event)
        assert DEVICE not in str(event)
        ids.add(event.event_id)
    assert len(ids) == 2_000


def test_the_same_arguments_give_the_same_bytes(crowd: Crowd) -> None:
    again = Crowd(60, rules_as_shipped(), now_ms=NOW_MS)
    ours, theirs = ([due.value(NOW_MS) for due in some(each, 500)] for each in (crowd, again))
    assert ours == theirs
    assert [who.blob for who in crowd.everybody()] == [who.blob for who in again.everybody()]


def test_a_customers_device_is_known_from_the_past_under_its_own_name(crowd: Crowd) -> None:
    rules = rules_as_shipped()
    for due in itertools.islice((d for d in events(crowd) if d.template.family == "device"), 50):
        event = decode_event(due.value(NOW_MS))
        assert isinstance(event, Device)
        judged = step(unpack(due.customer.blob), Sighting(event, 1, NOW_MS, 1, Observed()), rules)
        assert judged.assessment is not None
        assert "NEW_DEVICE" not in {reason.code for reason in judged.assessment.reasons}
        assert len(judged.subject.states["new_device"].devices) == 1


def test_a_fifth_of_the_customers_share_a_device_with_others(crowd: Crowd) -> None:
    users = defaultdict[bytes, list[int]](list)
    for who in crowd.everybody():
        users[who.device].append(who.number)
    assert sum(len(some) for some in users.values() if len(some) > 1) == crowd.n_subjects // 5


def test_a_flood_is_telemetry_alone(crowd: Crowd) -> None:
    families = {due.template.family for due in itertools.islice(telemetry(crowd), 500)}
    assert families == {"keystroke", "pointer", "location"}


def test_on_the_hot_device_ever_other_people_log_in(crowd: Crowd) -> None:
    some = [decode_event(due.value(NOW_MS)) for due in itertools.islice(hot(crowd), 500)]
    assert all(isinstance(event, Login) for event in some)
    assert {event.device_id for event in some} == {HOT_DEVICE.decode()}
    assert len({event.subject_id for event in some}) == len({event.event_id for event in some}) == 500
    assert not {event.subject_id.encode() for event in some} & {who.subject for who in crowd.everybody()}
