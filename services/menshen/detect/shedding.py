"""Under a flood the worker judges what money waits for, and passes over telemetry that has grown old.

What was shed is written down with the intent, and then in the log, one record a batch: whoever judges the log again,
after a crash or in an audit, passes over the same events, however late it is by then.
"""

import time
from collections.abc import Callable, Iterable

from menshen.contract.events import Envelope, Keystroke, Location, Pointer
from menshen.detect.arrivals import Arrival
from menshen.shell.logs import logger

log = logger(__name__)
TELEMETRY: frozenset[type[Envelope]] = frozenset([Keystroke, Pointer, Location])
"""What comes by the hundred; it alone is shed. A session of which it is missing is judged as one without it."""
CALM_MS = 10_000
"""So long after the last event that was shed, a flood is over."""


def wall_clock_ms() -> int:
    """Return milliseconds since 1970, as brokers count."""
    return time.time_ns() // 1_000_000


class Shedding:
    """Sheds telemetry that stands in the log for `after_ms` and more; 0: never."""

    def __init__(self, after_ms: int, now_ms: Callable[[], int] = wall_clock_ms) -> None:
        self._after_ms, self._now_ms = after_ms, now_ms
        self._last_shed_ms: int | None = None

    def of(self, arrivals: Iterable[Arrival]) -> set[int]:
        """Return the offsets of those that are shed now."""
        if not self._after_ms:
            return set()
        now_ms = self._now_ms()
        newest_ms = now_ms - self._after_ms
        shed = {
            each.record.offset
            for each in arrivals
            if each.record.timestamp <= newest_ms and type(each.event) in TELEMETRY
        }
        self._tell(now_ms, n_shed=len(shed))
        return shed

    def _tell(self, now_ms: int, n_shed: int) -> None:
        """Say once that a flood begins, and once that it is over."""
        if n_shed and self._last_shed_ms is None:
            log.warning("shedding telemetry: more comes than can be judged", older_than_ms=self._after_ms)
        if n_shed:
            self._last_shed_ms = now_ms
        elif self._last_shed_ms is not None and now_ms - self._last_shed_ms > CALM_MS:
            log.info("no telemetry is shed any more")
            self._last_shed_ms = None
