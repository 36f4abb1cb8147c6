"""The turns in which a round's events are judged, and what becomes of them where one cannot be stepped."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.fraud.story import NOON_MS, rules

from menshen.contract.assessment import Observed
from menshen.contract.decoding import encode_event
from menshen.contract.events import Login
from menshen.detect.arrivals import Arrival, Batch
from menshen.detect.ownership.partition import Partition
from menshen.detect.portion import Portion, judge, turns
from menshen.fraud.detector import Reading
from menshen.fraud.detectors import DETECTORS
from menshen.fraud.sighting import Sighting
from menshen.fraud.step import Rules, step
from menshen.fraud.subject import NOBODY
from menshen.shell.errors import StepFailed
from menshen.shell.redis.store import Claim, Marks


class Record(NamedTuple):
    offset: int
    timestamp: int
    value: bytes


def portion(number: int, *events: Login) -> Portion:
    """Return what a partition brings: these events, from offset 10 on, about subjects of whom nothing is known."""
    owned = Partition(number, Claim("token", Marks(9, 100, 50), None, "run"))
    arrivals = [Arrival(Record(10 + n, NOON_MS + n, encode_event(event)), event) for n, event in enumerate(events)]
    for event in events:
        owned.remember(event.subject_id, NOBODY, changed=False)
    return Portion(owned, Batch(10, 9 + len(events), arrivals, []), arrivals)


def login(subject: str, event_id: str) -> Login:
    times = dict.fromkeys(("occurred_ms", "received_ms"), NOON_MS)
    who = {"event_id": event_id, "subject_id": subject, "session_id": "v1", "product_id": "p1"}
    return Login(**who, **times, seq=0, assurance="authenticated", outcome="success", method="otp")


def judge_all(portions: Iterable[Portion], by: Rules) -> None:
    for turn in turns(portions):
        judge(turn, by)


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=9), max_size=3))
def test_nobody_comes_twice_in_a_turn_and_everybody_in_the_order_of_the_log(given: list[list[str]]) -> None:
    portions = [
        portion(n, *[login(f"{name}{n}", f"e{i}") for i, name in enumerate(names)]) for n, names in enumerate(given)
    ]
    found = turns(portions)
    for turn in found:
        names = [sighting.event.subject_id for _, sighting in turn]
        assert len(names) == len(set(names)) > 0
    for n, names in enumerate(given):
        for name in set(names):
            own = [s.offset for turn in found for _, s in turn if s.event.subject_id == f"{name}{n}"]
            assert own == [10 + i for i, each in enumerate(names) if each == name]
    assert sum(map(len, found)) == sum(map(len, given))


def test_a_second_event_meets_what_the_first_has_left() -> None:
    one = portion(0, login("a", "e1"), login("b", "e2"), login("a", "e3"))
    judge_all([one], rules())
    subject = NOBODY
    for arrival in (one.arrivals[0], one.arrivals[2]):
        record = arrival.record
        sighting = Sighting(arrival.event, record.offset, record.timestamp, arrival.content_crc, Observed())
        alone = step(subject, sighting, rules())
        assert one.outcomes[record.offset] == alone
        subject = alone.subject
    assert one.changed["a"] == subject
    assert list(one.outcomes) == [10, 11, 12]


def test_an_event_that_cannot_be_stepped_fails_its_portion_and_no_other() -> None:
    bad, good = portion(0, login("a", "e1"), login("b", "poison"), login("a", "e2")), portion(1, login("c", "e1"))
    judge_all([bad, good], breaking("poison"))
    assert isinstance(bad.failure, StepFailed)
    assert bad.failure.offset == 11
    assert str(bad.failure).startswith("partition 0:")
    assert isinstance(bad.failure.__cause__, ZeroDivisionError)
    assert good.failure is None
    assert list(good.outcomes) == [10]


def test_of_several_such_events_each_portion_names_the_first() -> None:
    one = portion(0, login("a", "e1"), login("b", "poison"), login("c", "poison"))
    other = portion(1, login("d", "poison"), login("e", "e1"))
    judge_all([one, other], breaking("poison"))
    assert [part.failure.offset for part in (one, other) if isinstance(part.failure, StepFailed)] == [11, 10]


def test_what_fails_only_side_by_side_is_nobodys_fault_and_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("menshen.detect.portion.step_all", failing)
    one = portion(0, login("a", "e1"))
    monkeypatch.setattr("menshen.detect.portion.step", lambda *_: None)
    with pytest.raises(ZeroDivisionError):
        judge_all([one], rules())
    assert one.failure is None


def test_a_known_event_leaves_its_subject_as_it_was() -> None:
    one = portion(0, login("a", "e1"))
    judge_all([one], rules())
    one.owned.remember("a", one.changed["a"], changed=True)
    again = portion(0, login("a", "e1"))
    again.owned = one.owned
    judge_all([again], rules())
    assert again.outcomes[10].assessment is None
    assert again.changed == {}


def breaking(event_id: str) -> Rules:
    given = rules()
    return replace(given, detectors=(*given.detectors, _Broken(event_id)))


class _Broken:
    name, layer, codes, features, listens, state = "broken", "device", (), (), (Login,), DETECTORS[0].state

    def __init__(self, event_id: str) -> None:
        self._event_id = event_id

    def step(self, state: Any, sighting: Sighting, /) -> Reading:
        if sighting.event.event_id == self._event_id:
            raise ZeroDivisionError
        return Reading(state)
