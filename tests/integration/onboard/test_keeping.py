"""What each database keeps, forgets and refuses, and who waits for whom."""

import threading
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, func, select, text, update
from sqlalchemy.exc import DBAPIError, StatementError
from tests.gate.office import Place
from tests.servers.postgres import Postgres
from tests.unit.onboard.counter import Counter

from menshen.loan.gate import Declined
from menshen.onboard.gatekeeper import MayNotApply
from menshen.onboard.sql import outbox
from menshen.onboard.sql.database import Database
from menshen.onboard.sql.tables import APPEND_ONLY, applications, gates, replies
from menshen.onboard.sql.tables import outbox as written
from menshen.shell.errors import Refusal

ENTRY = Place("a1", "eligibility")
REPLY = {"request_hash": b"h", "status": 200, "body": b"{}"}


def test_what_left_long_ago_is_forgotten_and_what_still_waits_never_is(counter: Counter) -> None:
    office = counter.office
    office.open()
    office.come(ENTRY)
    first, second = counter.waiting("event", "onboarding")
    long_ago_ms = office.clock.now_ms

    def make_old(connection: Connection) -> None:
        outbox.mark_sent(connection, [first.number], long_ago_ms)
        for key, at_ms in (("old", long_ago_ms), ("new", long_ago_ms + 1)):
            row = {"caller": "c", "idempotency_key": key, "at_ms": at_ms}
            connection.execute(replies.insert().values(**REPLY, **row))

    office.database.run(make_old)
    office.database.run(lambda c: outbox.forget(c, long_ago_ms))
    assert (len(counter.rows(written)), len(counter.rows(replies))) == (2, 2)
    office.database.run(lambda c: outbox.forget(c, long_ago_ms + 1))
    assert [row.number for row in counter.rows(written)] == [second.number]
    assert [row.idempotency_key for row in counter.rows(replies)] == ["new"]


def test_no_amount_is_rounded_on_its_way_into_the_database_and_none_by_its_sums(counter: Counter) -> None:
    counter.at_the_line().draw("0.01")

    def write(amount: Decimal) -> None:
        counter.office.database.run(lambda c: c.execute(update(gates).values(amount=amount)))

    with pytest.raises(StatementError, match="no amount with two places"):
        write(Decimal("0.001"))
    write(Decimal("90071992547409.93"))  # a float would make it .94
    n_gates = len(counter.rows(gates))
    total = counter.office.database.read(lambda c: c.execute(select(func.sum(gates.c.amount))).scalar_one())
    assert total == n_gates * Decimal("90071992547409.93")


def test_a_schema_of_another_release_is_refused(counter: Counter) -> None:
    database = counter.office.database
    database.check_schema()
    database.run(lambda c: c.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(Refusal, match="schema 9999 is not"):
        database.check_schema()


def test_a_reader_waits_for_no_writer_and_sees_nothing_unfinished(counter: Counter) -> None:
    database = counter.office.database
    counter.office.open()

    def look_meanwhile(connection: Connection) -> Any:
        connection.execute(update(applications).values(n_events=7))
        return database.read(lambda c: c.execute(select(applications.c.n_events)).scalar_one())

    assert database.run(look_meanwhile) == 0
    assert counter.rows(applications)[0].n_events == 7


def test_a_refused_customer_may_apply_from_the_millisecond_on_at_which_the_waiting_time_ends(counter: Counter) -> None:
    office = counter.office
    office.open()
    office.happen(ENTRY, Declined("credit"))
    until_ms = office.clock.now_ms + 90 * 86_400_000

    def apply(now_ms: int) -> str:
        opening = office.desk.gatekeeper.open_application
        return office.database.run(lambda c: opening(c, "a2", "s1", "cash", now_ms=now_ms)).application_id

    with pytest.raises(MayNotApply) as refused:
        apply(until_ms - 1)
    assert refused.value.until_ms == until_ms
    assert apply(until_ms) == "a2"


@pytest.fixture
def on_postgres(postgres: Postgres) -> Any:
    with postgres.database() as url:
        database = Database(url)
        database.upgrade()
        yield database
        database.close()


def test_of_two_that_take_the_lease_at_once_one_holds_it(on_postgres: Database) -> None:
    met, held, tries = threading.Barrier(2), dict[str, bool](), list[str]()

    def take(holder: str) -> None:
        def work(connection: Connection) -> bool:
            tries.append(holder)
            connection.execute(text("SELECT 1 FROM leases"))  # from here on it sees what there is now
            if tries.count(holder) == 1:
                met.wait(30)
            return outbox.hold_lease(connection, "sender", holder, 0)

        held[holder] = on_postgres.run(work)

    threads = [threading.Thread(target=take, args=(holder,)) for holder in ("x", "y")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(held.values()) == [False, True]
    assert len(tries) == 3


def test_what_only_grows_cannot_be_emptied_at_one_stroke(on_postgres: Database) -> None:
    for name in APPEND_ONLY:
        with pytest.raises(DBAPIError, match=f"{name} only grows"):
            on_postgres.run(lambda c, name=name: c.execute(text(f"TRUNCATE {name} CASCADE")))
