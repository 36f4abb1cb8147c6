"""One run from beginning to end: faults row by row under load, then the oracle, then the figures."""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from confluent_kafka import KafkaException
from redis import RedisError
from tests.chaos.catalogue import BY_THE_LOAD, CHAPTERS, Chapter
from tests.chaos.options import Options
from tests.chaos.oracle.census import Census
from tests.chaos.oracle.judging import Floors, Judgement
from tests.chaos.reckoning import reckon
from tests.chaos.stage import Figures, Stage
from tests.outside.comparison import Discrepancy

LAG_ZERO_S = 120.0
MOST_FDS = 200
MOST_RSS_MB, JOURNALED_EVENTS_A_MB = 300, 2_000
"""A worker that tells the whole log again holds the whole journal."""
FELL_SHORT = (AssertionError, RuntimeError, KafkaException, RedisError)


class Run:
    """Collects what each row showed; a row that falls short does not keep the others from being tried."""

    def __init__(self, options: Options, tell: Callable[[str], None]) -> None:
        self.options, self.tell = options, tell
        self.rows: dict[int, Figures] = {}
        self.judgement, self.census = Judgement(), Census()
        self.lag_zero_s = -1.0

    def play(self, folder: Path) -> Figures:
        """Play it, and return the figures of the last line."""
        started_s = time.monotonic()
        with Stage(self.options, folder, self.tell) as stage:
            self._together(stage)
            self._apart(stage)
            return self._figures(stage, time.monotonic() - started_s)

    def _together(self, stage: Stage) -> None:
        chapters = [chapter for chapter in CHAPTERS if not chapter.apart and self._wanted(chapter)]
        for chapter in chapters:
            self._chapter(stage, chapter)
        self._settle(stage)
        self.tell("counting")
        reckon(stage, self.judgement, self.census, Floors().scaled(self.options.events))
        for row, what in BY_THE_LOAD.items():
            if not self.options.rows or row in self.options.rows:
                self._note(row, what(stage))

    def _settle(self, stage: Stage) -> None:
        """The faults are over: everything must be judged in time."""
        self.tell(f"faults over after {stage.load.n_appended} events; appending what is left")
        try:
            with stage.fleet.at_work(2):
                stage.load.finish()
                self.lag_zero_s = stage.drained(LAG_ZERO_S + self.options.events / 500, at_most=0)
        except FELL_SHORT as failure:
            self.judgement.discrepancies.append(Discrepancy("NOT SETTLED", "the group", _first_line(failure)))

    def _apart(self, stage: Stage) -> None:
        for chapter in CHAPTERS:
            if chapter.apart and self._wanted(chapter):
                self._chapter(stage, chapter)

    def _chapter(self, stage: Stage, chapter: Chapter) -> None:
        name = f"row {'/'.join(map(str, chapter.rows))}, {chapter.play.__name__}"
        self.tell(f"{name}: begins; {stage.load.n_appended} events appended")
        started_s = time.monotonic()
        try:
            figures = chapter.play(stage) | {"ok": True}
        except FELL_SHORT as failure:
            figures = {"ok": False, "why": f"{chapter.play.__name__}: {_first_line(failure)}"}
            self.tell(f"{name}: FELL SHORT: {failure}; positions {_said(stage)}; workers say {stage.fleet.problems()}")
            stage.fleet.dismiss_all()
        took_s = round(time.monotonic() - started_s, 1)
        self.tell(f"{name}: {figures} in {took_s} s")
        for row in chapter.rows:
            self._note(row, figures | {"s": took_s})

    def _note(self, row: int, figures: Figures) -> None:
        known = self.rows.setdefault(row, {"ok": True, "s": 0.0})
        ok, seconds = known["ok"] and figures["ok"], known["s"] + figures.get("s", 0.0)
        known |= figures | {"ok": ok, "s": round(seconds, 1)}

    def _wanted(self, chapter: Chapter) -> bool:
        return not self.options.rows or bool(self.options.rows & set(chapter.rows))

    def _figures(self, stage: Stage, took_s: float) -> Figures:
        judgement, census = self.judgement, self.census
        judgement.discrepancies += self._bounds(stage)
        return {
            "events": stage.load.n_appended,
            "kills": stage.fleet.n_kills,
            "crash_points": dict(sorted(stage.crash_points.items())),
            "lost": judgement.n_lost,
            "doubled": judgement.n_doubled,
            "conflicting": judgement.n_conflicting,
            "repeats": judgement.n_repeats,
            "takeover_s": {how: _spread(times) for how, times in stage.takeover_s.items()},
            "lag_zero_s": round(self.lag_zero_s, 1),
            "duplicates_share": round(census.repeats_share, 3),
            "shared_device_share": round(census.shared_share, 3),
            "applications": len(census.applications),
            "draws": len(census.draws),
            "retold": judgement.counts["retold"],
            "rss_mb_max": stage.fleet.rss_mb_max,
            "fds_max": stage.fleet.fds_max,
            "rows": {str(row): figures for row, figures in sorted(self.rows.items())},
            "discrepancies": judgement.by_kind(),
            "examples": [" ".join(one)[:300] for one in judgement.discrepancies[:8]],
            "seconds": round(took_s),
            "again": self.options.command,
            "ok": not judgement.discrepancies and all(row["ok"] for row in self.rows.values()),
        }

    def _bounds(self, stage: Stage) -> list[Discrepancy]:
        found = []
        if stage.fleet.rss_mb_max > MOST_RSS_MB + stage.load.n_appended // JOURNALED_EVENTS_A_MB:
            found.append(Discrepancy("UNBOUNDED", "memory", f"{stage.fleet.rss_mb_max} MB"))
        if stage.fleet.fds_max > MOST_FDS:
            found.append(Discrepancy("UNBOUNDED", "file descriptors", str(stage.fleet.fds_max)))
        return found


def _said(stage: Stage) -> str:
    try:
        return str(stage.watch.positions())
    except KafkaException as failure:
        return str(failure)


def _spread(times_s: list[float]) -> dict[str, Any]:
    if not times_s:
        return {"n": 0}
    return {"n": len(times_s), "p50": round(median(times_s), 2), "max": round(max(times_s), 2)}


def _first_line(failure: BaseException) -> str:
    return (str(failure).splitlines() or [repr(failure)])[0]
