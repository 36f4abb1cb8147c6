"""Where a process can be struck: before, within and after each of its transactions, before and after each send."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from menshen.contract.topics import EVENTS, ONBOARDING
from menshen.onboard.desk import Desk

T = TypeVar("T")
TRANSACTIONS = ("take", "request", "wake", "hold_lease", "begin", "settle", "mark_sent", "postpone")
SENDS = ("events", "onboarding", "challenge", "transfer", "void")
TOPICS = {EVENTS: "events", ONBOARDING: "onboarding"}
POINTS = (
    *(f"{when} {name}" for name in TRANSACTIONS for when in ("before", "within", "after")),
    *(f"before {name}" for name in SENDS if name not in ("transfer", "void")),
    *(f"after {name}" for name in SENDS),
    "after a look",
    "before the offset",
)
"""None lies between the last look at the clock and a call of the bank: whoever is held up just there is late."""


class Watcher(Protocol):
    """Is told where a process is."""

    async def reach(self, point: str) -> None:
        """Return if the process goes on from here."""

    def within(self, point: str) -> None:
        """Return if what was done in a transaction is to be committed."""


class WatchedDesk(Desk):
    """The desk as it is; only that somebody is told of every transaction."""

    watcher: Watcher

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Do work in one transaction."""
        name = named(work)
        await self.watcher.reach(f"before {name}")
        done = await super().run(partial(self._do, name, work))
        await self.watcher.reach(f"after {name}")
        return done

    def _do(self, name: str, work: Callable[[Connection], T], connection: Connection) -> T:
        done = work(connection)
        self.watcher.within(f"within {name}")
        return done


def named(work: Callable[[Connection], object]) -> str:
    """Return what a transaction is for: one of `TRANSACTIONS`, or `forget`."""
    work = inspect.unwrap(work)
    if "_keep" in work.__qualname__:
        return "take"
    return next((name for name in (*TRANSACTIONS, "forget") if name in work.__code__.co_names), "request")
