"""Topics that take nothing, clocks that are wrong, an event that no worker survives, and what the load itself shows."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from tests.chaos.around.processes import until
from tests.chaos.stage import Figures, Stage
from tests.outside.manifest import DEAD_LETTERS, VERDICTS, Sent
from tests.servers.detect import Worker

LIMIT, TAKES_NOTHING = "max.message.bytes", "100"
CLOSED_S = 5.0
MOST_FAILURES = 3


def dead_letters_refused(stage: Stage) -> Figures:
    """Row 22: the dead letters' topic takes nothing: the partition waits with what it cannot put aside."""
    return _closed(stage, DEAD_LETTERS)


def verdicts_refused(stage: Stage) -> Figures:
    """Row 26: the verdicts' topic takes nothing: nothing is committed past an answer that is not out."""
    return _closed(stage, VERDICTS)


def _closed(stage: Stage, topic: str) -> Figures:
    usual = stage.watch.setting(topic, LIMIT)
    with stage.fleet.at_work(2) as workers:
        stage.judged(50)
        stage.watch.set_topic(topic, **{LIMIT: TAKES_NOTHING})
        try:
            until(lambda: any(_waits(worker, topic) for worker in workers), f"that {topic} takes nothing is not said")
            n_before = stage.watch.n_records(topic)
            stage.pause(CLOSED_S)
            assert stage.watch.n_records(topic) == n_before, f"{topic} was not closed"
            assert stage.watch.lag() > 0, "the group went on as if nothing were"
        finally:
            stage.watch.set_topic(topic, **{LIMIT: usual})
        stage.judged(100)
        stage.drained()
        assert [worker.ended() for worker in workers] == [None, None], "a worker ended"
    return {}


def _waits(worker: Worker, topic: str) -> bool:
    return topic in worker.problems().get("partitions", "")


def wrong_clocks(stage: Stage) -> Figures:
    """Row 17: workers whose clocks are an hour off judge as all others do: time comes with the event."""
    fast = stage.fleet.start("--clock-off-s", "3600", ready=False)
    slow = stage.fleet.start("--clock-off-s", "-3600", ready=False)
    for worker in (fast, slow):
        worker.wait_until_ready()
    stage.judged(500)
    stage.fleet.retire(fast, slow)
    return {"judged_by_wrong_clocks": 500}


def quarantined(stage: Stage) -> Figures:
    """Row 5: stepping one event raises; the third crash at it sends it to the dead letters; all others are judged."""
    with stage.apart(n_events=1_200) as scene:
        times = Counter((one.subject_id, one.event_id) for one in scene.load.sent)
        judged = [one for one in scene.load.sent if one.fate == "judged" and times[one.subject_id, one.event_id] == 1]
        poison = judged[len(judged) // 2]
        trap = ("--fail-at", poison.event_id)
        statuses = [scene.fleet.status_of(scene.fleet.start(*trap, ready=False)) for _ in range(MOST_FAILURES)]
        assert statuses == [70] * MOST_FAILURES, f"workers ended with status {statuses}"
        with scene.fleet.at_work(1, *trap):
            scene.drained()
        dead = replace(poison, fate="dead", reason="QUARANTINED", asks=None)
        found = scene.judge([dead if one is poison else one for one in scene.load.sent])
        assert not found, f"{len(found)} discrepancies, such as {found[0]}"
    return {"crashes": MOST_FAILURES}


def repeated(stage: Stage) -> Figures:
    """Row 18: records that repeat one that came before."""
    return _sent(stage, lambda one: one.fate == "known")


def reused(stage: Stage) -> Figures:
    """Row 19: ids that were used before, with other content."""
    return _sent(stage, lambda one: one.reason == "ID_REUSE")


def disordered(stage: Stage) -> Figures:
    """Row 20: events behind younger ones of the same visit, and clocks that are ten years off."""
    return _sent(stage, lambda one: one.fate == "judged" and one.kind.startswith("clock"))


def poisoned(stage: Stage) -> Figures:
    """Row 21: records that no worker can read."""
    return _sent(stage, lambda one: one.fate == "dead" and one.reason != "ID_REUSE")


def from_other_releases(stage: Stage) -> Figures:
    """Row 23: fields of a newer release are passed over, an unknown version goes to the dead letters."""
    newer, unknown = (sum(one.kind == kind for one in stage.load.sent) for kind in ("unknown_field", "unknown_version"))
    return {"newer_fields": newer, "unknown_versions": unknown, "ok": min(newer, unknown) > 0}


def _sent(stage: Stage, concerns: Callable[[Sent], bool]) -> Figures:
    n_records = sum(map(concerns, stage.load.sent))
    return {"records": n_records, "ok": n_records > 0}
