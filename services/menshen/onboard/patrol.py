"""Walks round the gates and tells those whose time is up: a deadline without a verdict, a review nobody looked at."""

import asyncio

from menshen.loan.gate import DAY_MS
from menshen.onboard.desk import Desk, clock_ms
from menshen.onboard.sql import outbox
from menshen.shell import metrics
from menshen.shell.errors import Unavailable
from menshen.shell.logs import logger

log = logger(__name__)
ROUND_S = 0.05
OUTAGE_S = 0.5
HOUR_MS = 3_600_000
REMEMBERED_MS = 7 * DAY_MS
"""How long it is known what has left, and what was answered under an Idempotency-Key."""


class Patrol:
    """One round every 50 ms; once an hour it also throws away what is remembered for long enough."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._stopping = desk, False
        self._cleared_ms = 0

    async def run(self) -> None:
        """Walk until `stop`."""
        while not self._stopping:
            try:
                await self._round(clock_ms())
                pause_s = ROUND_S
            except Unavailable as outage:
                metrics.OUTAGES.labels("database").inc()
                log.warning("waiting", why=str(outage))
                pause_s = OUTAGE_S
            await asyncio.sleep(pause_s)

    def stop(self) -> None:
        """Finish the round."""
        self._stopping = True

    async def _round(self, now_ms: int) -> None:
        if await self._desk.read(lambda c: self._desk.store.due(c, now_ms, 1)):
            await self._desk.run(lambda c: self._desk.gatekeeper.wake(c, clock_ms()))
        if now_ms - self._cleared_ms > HOUR_MS:
            await self._desk.run(lambda c: outbox.forget(c, now_ms - REMEMBERED_MS))
            self._cleared_ms = now_ms
