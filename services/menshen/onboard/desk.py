"""Where all work on the database is done: one change after the other, off the event loop."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from menshen.loan.policy import LoanPolicy
from menshen.onboard.acting import Actor
from menshen.onboard.gatekeeper import Gatekeeper
from menshen.onboard.inbox import Inbox
from menshen.onboard.sql import outbox
from menshen.onboard.sql.database import Database
from menshen.onboard.sql.outbox import Kind

T = TypeVar("T")


def clock_ms() -> int:
    """Return the time that verdicts are held against; the host keeps it synchronised."""
    return time.time_ns() // 1_000_000


class Desk:
    """The workflow of one tenant and its database. `now_ms` of a change is read within its transaction.

    Every method raises `Unavailable` while the database does not answer.
    """

    def __init__(self, database: Database, tenant: str, policy: LoanPolicy) -> None:
        self.database, self.tenant, self.policy = database, tenant, policy
        self.actor = Actor(tenant, policy)
        self.gatekeeper, self.inbox, self.store = Gatekeeper(self.actor), Inbox(self.actor), self.actor.store
        # One writer: changes queue up here and not at the database's lock.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="desk-writer")
        self._readers = ThreadPoolExecutor(4, thread_name_prefix="desk-reader")
        self._watchers = list[tuple[frozenset[Kind], asyncio.Event]]()

    def watch(self, *kinds: Kind) -> asyncio.Event:
        """Return what is set whenever this process has put something of these kinds into the outbox."""
        put = asyncio.Event()
        self._watchers.append((frozenset(kinds), put))
        return put

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Do work in one transaction; it must be safe to call twice. Watchers hear of what it put into the outbox."""

        def noted(connection: Connection) -> tuple[T, frozenset[Kind]]:
            return work(connection), outbox.kinds_put(connection)

        done, kinds_put = await self._in(self._writer, partial(self.database.run, noted))
        for kinds, put in self._watchers:
            if kinds & kinds_put:
                put.set()
        return done

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Do work that only reads."""
        return await self._in(self._readers, partial(self.database.read, work))

    async def close(self) -> None:
        """Finish what is under way and close all connections."""
        for pool in (self._writer, self._readers):
            await asyncio.to_thread(pool.shutdown)
        self.database.close()

    async def _in(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, work)
