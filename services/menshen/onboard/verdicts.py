"""The agent on the verdict topic: each record is taken to heart in the database, or the process ends."""

import asyncio
import os
from typing import Any

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
QUIET = frozenset({"HEEDED", "KNOWN", "NOT_OURS", "REVOKES", "REVOKES_NOTHING"})
"""Fates that are all in a day's work; the others are logged, since somebody may be trying something."""


class VerdictAgent:
    """Follows the topic. A record that comes again changes nothing; one that nobody can deal with ends the process."""

    def __init__(self, desk: Desk, keys: TrustedKeys) -> None:
        self._desk, self._keys = desk, keys
        self.behind_ms = 0
        """How far this host's clock was behind the newest record's time, as the broker stamped it."""

    async def follow(self, stream: Any) -> None:
        """Take record after record. Faust would acknowledge one whose handling raised, and lose it."""
        async for event in stream.events():
            try:
                message = event.message
                await self.take(message.value, message.headers or (), int(message.timestamp * 1000))
            except asyncio.CancelledError:
                raise
            except Exception:
                log.critical("stopping at an unexpected error", exc_info=True)
                os._exit(EXIT_BUG)

    async def take(self, value: bytes | None, headers: Any, stamped_ms: int) -> str:
        """Take one record to heart and return its fate; while the database does not answer, wait."""
        examined = examine(value, headers.items() if isinstance(headers, dict) else headers, self._keys)
        fate: str = await self._keep(examined, stamped_ms) if isinstance(examined, Letter) else examined
        metrics.ONBOARD_VERDICTS.labels(fate).inc()
        if fate not in QUIET:
            log.warning("no verdict", fate=fate)
        return fate

    async def _keep(self, letter: Letter, stamped_ms: int) -> str:
        def work(connection: Connection) -> str:
            now_ms = clock_ms()
            self.behind_ms = max(0, stamped_ms - now_ms)
            # A clock that is behind the broker's must not keep an expired allow alive.
            return self._desk.inbox.take(connection, letter, now_ms=max(now_ms, stamped_ms))

        while True:
            try:
                fate = await self._desk.run(work)
                break
            except Unavailable as outage:
                metrics.OUTAGES.labels("database").inc()
                log.warning("waiting", why=str(outage))
                await asyncio.sleep(OUTAGE_S)
        metrics.VERDICT_LAG_MS.observe(max(0, clock_ms() - stamped_ms))
        return fate
