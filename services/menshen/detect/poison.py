"""The share of dead letters among the newest records: poison comes in floods, and somebody must hear of one."""

from collections import deque
from typing import NamedTuple

from menshen.shell import metrics
from menshen.shell.errors import Refusal
from menshen.shell.logs import logger
from menshen.shell.settings import DetectSettings

log = logger(__name__)


class _Batch(NamedTuple):
    n_records: int
    n_dead: int


class DeadLetterShare:
    """How many of the newest records that a process judged went to the dead letters.

    Batches count whole, so what is counted reaches back over at least `window` records. A process that has not judged
    so many yet is taken to have judged good ones before: its first two records never make a share of one half.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._batches = deque[_Batch]()
        self.n_records = self.n_dead = 0

    def add(self, n_records: int, n_dead: int) -> None:
        """Count a batch, and forget those that the window has left behind."""
        self._batches.append(_Batch(n_records, n_dead))
        self.n_records += n_records
        self.n_dead += n_dead
        while self.n_records - self._batches[0].n_records >= self._window:
            oldest = self._batches.popleft()
            self.n_records -= oldest.n_records
            self.n_dead -= oldest.n_dead

    @property
    def percent(self) -> float:
        """The share in per cent."""
        return 100 * self.n_dead / max(self._window, self.n_records)


class PoisonWatch:
    """Holds the share of dead letters against what is usual; what is above 100 % never comes, so 100 means never."""

    def __init__(self, settings: DetectSettings) -> None:
        self._share = DeadLetterShare(settings.dead_letter_window)
        self._alarm_percent, self._stop_percent = settings.dead_letter_alarm_percent, settings.dead_letter_stop_percent
        self._unusual = False

    def count(self, n_records: int, n_dead: int) -> None:
        """Take note of a batch that is published; say so when the alarm begins and when it ends."""
        self._share.add(n_records, n_dead)
        metrics.DEAD_LETTER_SHARE.set(self._share.percent / 100)
        was, self._unusual = self._unusual, self._share.percent > self._alarm_percent
        if self._unusual and not was:
            log.error("dead letters: an unusual share", share=self._counted(), alarm_percent=self._alarm_percent)
        if was and not self._unusual:
            log.info("dead letters: as usual again", share=self._counted(), alarm_percent=self._alarm_percent)

    @property
    def flooded(self) -> bool:
        """Say whether the share is so large that this worker is to stop."""
        return self._share.percent > self._stop_percent

    def refuse_a_flood(self) -> None:
        """Raise `Refusal` if the share is so large that an operator must look first."""
        if self.flooded:
            raise Refusal(
                f"{self._counted()}, over {self._stop_percent} %: `menshen dlq list` says what they are. Mend their"
                " producer or release what reads them, and start again; what came is saved and is not judged again."
                " MENSHEN_DEAD_LETTER_STOP_PERCENT=100 goes on whatever comes"
            )

    async def readiness(self) -> str | None:
        """Answer None if the share is usual, else what it is."""
        return f"{self._counted()}, over {self._alarm_percent} %: see `menshen dlq list`" if self._unusual else None

    def _counted(self) -> str:
        return f"{self._share.n_dead} of the last {self._share.n_records} records are dead letters"
