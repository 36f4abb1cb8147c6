"""What a batch leaves for operators: figures, a line in the log for each verdict that somebody may ask about."""

import time
from collections.abc import Sequence
from typing import NamedTuple, Self

from menshen.contract.dead_letter import REASON_HEADER
from menshen.contract.verdict import Verdict
from menshen.detect.arrivals import Batch
from menshen.shell import metrics
from menshen.shell.kafka.clients import Outgoing
from menshen.shell.logs import logger

log = logger(__name__)
_FATES = {fate: metrics.EVENTS.labels(fate) for fate in ("known", "rejected", "shed", "judged")}
_STAGES = {stage: metrics.STAGE_MS.labels(stage) for stage in ("decode", "observe", "open", "step", "publish", "save")}


class Stopwatch:
    """Times the stages of a batch; `ms` holds what each took."""

    def __init__(self) -> None:
        self.ms: dict[str, float] = {}

    def stage(self, name: str) -> "_Stage":
        """Time what is done inside, unless it fails."""
        return _Stage(name, self.ms)


class _Stage:
    """One stage. A class, since a generator under `contextmanager` takes more than twice the calls."""

    def __init__(self, name: str, ms: dict[str, float]) -> None:
        self._name, self._ms = name, ms

    def __enter__(self) -> Self:
        self._started_s = time.perf_counter()
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        if failed is None:
            took_ms = (time.perf_counter() - self._started_s) * 1000
            _STAGES[self._name].observe(took_ms)
            self._ms[self._name] = round(took_ms, 2)


class Published(NamedTuple):
    """What came of a batch: dead letters, verdicts, how many of its events were known before, how many were shed."""

    dead: Sequence[Outgoing]
    verdicts: Sequence[Verdict]
    n_known: int
    n_shed: int


def tell(partition: int, batch: Batch, published: Published, stopwatch: Stopwatch) -> None:
    """Count a batch that is published, and write its lines."""
    n_records = len(batch.arrivals) + len(batch.dead)
    fates = {"known": published.n_known, "rejected": len(published.dead), "shed": published.n_shed}
    fates["judged"] = n_records - sum(fates.values())
    for fate, n in fates.items():
        if n:
            _FATES[fate].inc(n)
    metrics.BATCH_EVENTS.observe(n_records)
    if batch.arrivals:
        metrics.LAG_MS.set(time.time() * 1000 - batch.arrivals[-1].record.timestamp)
    for letter in published.dead:
        metrics.REJECTIONS.labels(dict(letter.headers)[REASON_HEADER].decode()).inc()
    for verdict in published.verdicts:
        metrics.VERDICTS.labels(verdict.kind, verdict.decision).inc()
        _tell_verdict(verdict)
    log.debug(
        "batch",
        partition=partition,
        first=batch.first,
        last=batch.last,
        n_known=published.n_known,
        n_shed=published.n_shed,
        n_dead=len(published.dead),
        n_verdicts=len(published.verdicts),
        ms=stopwatch.ms,
    )


def _tell_verdict(verdict: Verdict) -> None:
    """Write its line; of the many logins that go on as usual, only where every detail is asked for."""
    usual = verdict.kind == "login" and verdict.decision == "allow"
    write = log.debug if usual else log.info
    write(
        "verdict",
        verdict_id=verdict.verdict_id,
        kind=verdict.kind,
        subject_id=verdict.subject_id,
        application_id=verdict.application_id,
        step=verdict.step,
        decision=verdict.decision,
        score=verdict.score,
        reasons=[reason.code for reason in verdict.reasons],
    )
