"""The schema on both databases: what Alembic makes is what the tables say, and what only grows cannot shrink."""

import threading
from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, delete, func, select, text, update
from sqlalchemy.exc import DBAPIError
from tests.gate.office import Place
from tests.unit.onboard.counter import DRAW, Counter

from menshen.onboard.sql.database import Database
from menshen.onboard.sql.tables import APPEND_ONLY, METADATA, applications
from menshen.shell.errors import Refusal, Unavailable


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


def test_an_upgrade_is_safe_to_do_again(database: Database) -> None:
    with pytest.raises(Refusal, match="run `menshen database upgrade`"):
        database.check_schema()
    for _ in range(2):
        database.upgrade()
        database.check_schema()


def test_alembic_makes_exactly_what_the_tables_say(database: Database) -> None:
    database.upgrade()
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, METADATA) == []


@pytest.fixture
def full(either_counter: Counter) -> Counter:
    """An office in which every table that only grows has a row."""
    either_counter.at_the_line().draw()
    either_counter.answer(decision="review")
    either_counter.office.vote(Place(*DRAW), "ann", "analyst", "allow")
    return either_counter


@pytest.mark.parametrize("name", APPEND_ONLY)
def test_what_only_grows_is_never_changed_and_never_deleted(full: Counter, name: str) -> None:
    table = METADATA.tables[name]
    before = full.rows(table)
    column = next(column for column in table.columns if not column.primary_key)
    replaced = table.insert().values(before[0]._asdict()).prefix_with("OR REPLACE", dialect="sqlite")
    on_sqlite = [replaced] * (full.office.database.engine.dialect.name == "sqlite")
    for forbidden in (update(table).values({column: column}), delete(table), *on_sqlite):
        with pytest.raises(DBAPIError, match=f"{name} only grows"):
            full.office.do(lambda c, _, forbidden=forbidden: c.execute(forbidden))
    assert len(before) > 0
    assert full.rows(table) == before


def test_who_is_out_of_reach_is_unavailable() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(Unavailable, match="database"):
        database.run(lambda c: c.execute(text("SELECT 1")))
    database.close()


def count_then_add(connection: Connection, name: str, met: threading.Barrier | None) -> int:
    """Write what is true only if nobody else writes at the same time."""
    n_rows = connection.execute(select(func.count()).select_from(applications)).scalar_one()
    if met and connection.dialect.name != "sqlite":  # there the second one waits at the beginning already
        met.wait(30)
    row = {"application_id": name, "subject_id": str(n_rows), "product_id": "p"}
    connection.execute(applications.insert().values(**row, opened_ms=0, n_changes=0, n_events=0))
    return n_rows


def test_two_that_get_in_each_other_s_way_both_see_the_truth(database: Database) -> None:
    database.upgrade()
    met, seen = threading.Barrier(2), list[int]()

    def add(name: str) -> None:
        first_try = [met]
        seen.append(database.run(lambda c: count_then_add(c, name, first_try.pop() if first_try else None)))

    threads = [threading.Thread(target=add, args=(name,)) for name in ("a1", "a2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [0, 1]
