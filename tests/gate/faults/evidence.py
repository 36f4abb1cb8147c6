"""All that is left when everything has come to rest: what the office wrote, and what was seen outside of it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Row, Table, select
from tests.gate.faults.stage.bank import Bank
from tests.gate.faults.stage.broker import Broker

from menshen.contract.events import Checkpoint
from menshen.contract.onboarding import Onboarding
from menshen.contract.verdict import Verdict
from menshen.onboard.sql.database import Database
from menshen.onboard.sql.store import Kept, Store
from menshen.onboard.sql.tables import METADATA


class Outside(NamedTuple):
    """What was seen outside: the logs, the bank, all that detect said, and what it was asked.

    `heard_ms` says when a verdict had been taken to heart, by its bytes; `bugs` are errors that nobody expected; `calm`
    says that nothing was broken.
    """

    broker: Broker
    bank: Bank
    said: Mapping[str, Verdict]
    asked: Mapping[str, Checkpoint] = {}
    challenged: Mapping[str, int] = {}
    heard_ms: Mapping[bytes, int] = {}
    bugs: Sequence[str] = ()
    calm: bool = False


class Evidence(NamedTuple):
    """`tables` are the office's own; `history` and `gates` are two of them, read."""

    tables: dict[str, list[Row[Any]]]
    history: list[Onboarding]
    gates: list[Kept]
    outside: Outside
    now_ms: int


def gathered(database: Database, tenant: str, outside: Outside, now_ms: int) -> Evidence:
    """Read everything once."""

    def rows(table: Table) -> list[Row[Any]]:
        query = select(table).order_by(*table.primary_key)
        return database.read(lambda connection: list(connection.execute(query).all()))

    tables = {table.name: rows(table) for table in METADATA.sorted_tables}
    history = [msgspec.json.decode(row.body, type=Onboarding) for row in tables["history"]]
    named, store = [row.application_id for row in tables["applications"]], Store(tenant)
    gates = database.read(lambda connection: [kept for name in named for kept in store.gates_of(connection, name)])
    return Evidence(tables, history, gates, outside, now_ms)
