"""The agent on the verdict topic: each record is taken to heart in the database, or the process ends."""

import asyncio
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from menshen.contract.signature import TrustedKeys
from menshen.onboard.desk import Desk, clock_ms
from menshen.onboard.inbox import Letter, examine
from menshen.shell import metrics
from menshen.shell.errors import Unavailable
from menshen.shell.logs import logger

log = logger(__name__)
EXIT_BUG = 70
OUTAGE_S = 0.5
MOST_AT_ONCE, WITHIN_S = 200, 0.005
"""As many as a commit to disk takes along; it costs far more than any of them."""
QUIET = frozenset({"HEEDED", "KNOWN", "NOT_OURS", "REVOKES", "REVOKES_NOTHING"})
"""Fates that are all in a day's work; the others are logged, since somebody may be trying something."""


class Record(NamedTuple):
    """A record of the topic, and when the broker had it."""

    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    stamped_ms: int


class VerdictAgent:
    """Follows the topic. A record that comes again changes nothing; one that nobody can deal with ends the process."""

    def __init__(self, desk: Desk, keys: TrustedKeys) -> None:
        self._desk, self._keys = desk, keys
        self.behind_ms = 0
        """How far this host's clock was behind the newest record's time, as the broker stamped it."""

    async def follow(self, stream: Any) -> None:
        """Take what has come, a handful at a time. Faust would acknowledge what raised here, and lose it."""
        async for events in stream.take_events(MOST_AT_ONCE, within=WITHIN_S):
            try:
                await self.take([_record(event.message) for event in events])
            except asyncio.CancelledError:
                raise
            except Exception:
                log.critical("stopping at an unexpected error", exc_info=True)
                os._exit(EXIT_BUG)

    async def take(self, records: Sequence[Record]) -> list[str]:
        """Take records to heart in their order, in one transaction; return the fate of each, once all are on disk.

        While the database does not answer, wait.
        """
        examined = [examine(record.value, record.headers, self._keys) for record in records]
        letters = [
            (each, record.stamped_ms)
            for each, record in zip(examined, records, strict=True)
            if isinstance(each, Letter)
        ]
        kept = iter(await self._keep(letters) if letters else ())
        fates = [next(kept) if isinstance(each, Letter) else str(each) for each in examined]
        for fate in fates:
            metrics.ONBOARD_VERDICTS.labels(fate).inc()
            if fate not in QUIET:
                log.warning("no verdict", fate=fate)
        return fates

    async def _keep(self, letters: Sequence[tuple[Letter, int]]) -> list[str]:
        def work(connection: Connection) -> list[str]:
            now_ms = clock_ms()
            self.behind_ms = max(0, letters[-1][1] - now_ms)
            # A clock that is behind the broker's must not keep an expired allow alive.
            return [self._desk.inbox.take(connection, it, now_ms=max(now_ms, stamped)) for it, stamped in letters]

        while True:
            try:
                fates = await self._desk.run(work)
                break
            except Unavailable as outage:
                metrics.OUTAGES.labels("database").inc()
                log.warning("waiting", why=str(outage))
                await asyncio.sleep(OUTAGE_S)
        for _, stamped_ms in letters:
            metrics.VERDICT_LAG_MS.observe(max(0, clock_ms() - stamped_ms))
        return fates


def _record(message: Any) -> Record:
    headers = message.headers or ()
    named = headers.items() if isinstance(headers, dict) else headers
    return Record(message.value, tuple(named), int(message.timestamp * 1000))
