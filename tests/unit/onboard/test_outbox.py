"""What has to leave is written down in one order, and leaves in it."""

import pytest
from sqlalchemy import Connection
from tests.unit.onboard.counter import Counter

from menshen.onboard.sql import outbox
from menshen.onboard.sql.outbox import LEASE_MS, Kind, Parcel


def put(counter: Counter, kind: Kind, body: bytes) -> None:
    gate_id = counter.office.desk.store.gate_id("a1", "eligibility", None)
    counter.office.do(lambda c, now_ms: outbox.put(c, kind, gate_id, "k", body, now_ms=now_ms))


def waiting(counter: Counter, *kinds: Kind, most: int = 100) -> list[Parcel]:
    return counter.office.do(lambda c, now_ms: outbox.waiting(c, kinds, now_ms, most))


def bodies(parcels: list[Parcel]) -> list[bytes]:
    return [parcel.body for parcel in parcels]


def test_parcels_wait_in_the_order_in_which_they_were_written(either_counter: Counter) -> None:
    either_counter.office.open()
    written = [bytes([n]) for n in range(250)]
    for body in written[:20]:
        put(either_counter, "event", body)
    assert bodies(waiting(either_counter, "event")) == written[:20]
    assert bodies(waiting(either_counter, "event", most=3)) == written[:3]
    numbers = [parcel.number for parcel in waiting(either_counter, "event")]
    assert numbers == sorted(set(numbers))


def test_each_sender_sees_its_own_kinds(counter: Counter) -> None:
    counter.office.open()
    for kind in ("event", "payment", "onboarding", "challenge"):
        put(counter, kind, kind.encode())
    assert bodies(waiting(counter, "event", "onboarding")) == [b"event", b"onboarding"]
    assert bodies(waiting(counter, "payment")) == [b"payment"]


def test_what_has_been_sent_does_not_wait(either_counter: Counter) -> None:
    either_counter.office.open()
    for body in (b"1", b"2", b"3"):
        put(either_counter, "event", body)
    first, _, third = waiting(either_counter, "event")
    either_counter.office.do(lambda c, now_ms: outbox.mark_sent(c, [first.number, third.number], now_ms))
    assert bodies(waiting(either_counter, "event")) == [b"2"]


def test_what_is_postponed_waits_until_its_time_and_counts_its_tries(counter: Counter) -> None:
    counter.office.open()
    put(counter, "payment", b"1")
    (parcel,) = waiting(counter, "payment")
    later_ms = counter.office.clock.now_ms + 100
    counter.office.do(lambda c, _: outbox.postpone(c, parcel, later_ms))
    assert waiting(counter, "payment") == []
    counter.office.clock.turn(100)
    assert [again.n_tries for again in waiting(counter, "payment")] == [1]


def test_one_process_sends_at_a_time_and_another_takes_over_from_one_that_is_gone(either_counter: Counter) -> None:
    office = either_counter.office

    def hold(holder: str) -> bool:
        return office.do(lambda c, now_ms: outbox.hold_lease(c, "sender", holder, now_ms))

    assert [hold("x"), hold("y"), hold("x")] == [True, False, True]
    office.clock.turn(LEASE_MS - 3)
    assert [hold("y"), hold("x")] == [False, True]
    office.clock.turn(LEASE_MS)
    assert [hold("y"), hold("x")] == [True, False]


def test_what_a_transaction_decided_leaves_with_it_or_not_at_all(counter: Counter) -> None:
    counter.office.open()
    gate_id = counter.office.desk.store.gate_id("a1", "eligibility", None)

    def fail(connection: Connection, now_ms: int) -> None:
        outbox.put(connection, "event", gate_id, "k", b"1", now_ms=now_ms)
        raise KeyError("after it was written")

    with pytest.raises(KeyError):
        counter.office.do(fail)
    assert waiting(counter, "event") == []


async def test_whoever_watches_hears_of_its_own_kinds_and_of_nothing_that_was_only_marked(counter: Counter) -> None:
    counter.office.open()
    desk = counter.office.desk
    records, payments = desk.watch("event", "onboarding"), desk.watch("payment")
    gate_id = desk.store.gate_id("a1", "eligibility", None)
    await desk.run(lambda c: outbox.put(c, "event", gate_id, "k", b"1", now_ms=1))
    assert (records.is_set(), payments.is_set()) == (True, False)
    records.clear()
    (parcel,) = await desk.read(lambda c: outbox.waiting(c, ("event",), 1, 10))
    await desk.run(lambda c: outbox.mark_sent(c, [parcel.number], 2))
    assert (records.is_set(), payments.is_set()) == (False, False)
