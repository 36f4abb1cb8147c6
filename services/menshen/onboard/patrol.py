"""Walks round the gates and tells those whose time is up: a deadline without a verdict, a review nobody looked at."""

import asyncio

from menshen.onboard.desk import Desk, clock_ms
from menshen.shell import metrics
from menshen.shell.errors import Unavailable
from menshen.shell.logs import logger

log = logger(__name__)
ROUND_S = 0.05
OUTAGE_S = 0.5


class Patrol:
    """One round every 50 ms."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._stopping = desk, False

    async def run(self) -> None:
        """Walk until `stop`."""
        while not self._stopping:
            try:
                if await self._desk.read(lambda c: self._desk.store.due(c, clock_ms(), 1)):
                    await self._desk.run(lambda c: self._desk.gatekeeper.wake(c, clock_ms()))
                pause_s = ROUND_S
            except Unavailable as outage:
                metrics.OUTAGES.labels("database").inc()
                log.warning("waiting", why=str(outage))
                pause_s = OUTAGE_S
            await asyncio.sleep(pause_s)

    def stop(self) -> None:
        """Finish the round."""
        self._stopping = True
