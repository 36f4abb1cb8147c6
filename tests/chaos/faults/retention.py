"""The log itself: read again from its beginning, cut by retention past what was judged, given another partition."""

import json
import os
import subprocess
import sys
from typing import Any

from confluent_kafka import TopicPartition
from confluent_kafka.admin import NewPartitions
from tests.chaos.around.processes import until
from tests.chaos.load import Load
from tests.chaos.oracle.log import read_partition
from tests.chaos.stage import Figures, Scene, Stage
from tests.outside.manifest import ASSESSMENTS, DEAD_LETTERS, EVENTS, VERDICTS
from tests.servers.detect import Worker

N_EVENTS = 1_200
ANSWER_S = 30.0
GRACE_S = 3.0


def played_again(stage: Stage) -> Figures:
    """Row 30: the group is set back to the beginning of the whole log: nothing new comes of it."""
    topics = (ASSESSMENTS, VERDICTS, DEAD_LETTERS)
    before = {topic: stage.watch.n_records(topic) for topic in topics}
    stage.watch.rewind()
    assert stage.watch.lag() > 0, "the group was not set back"
    with stage.fleet.at_work(2):
        stage.drained(at_most=0)
        stage.pause(GRACE_S)
    after = {topic: stage.watch.n_records(topic) for topic in topics}
    assert before == after, f"records before {before}, after {after}"
    return {"again": sum(position for _, position in stage.watch.positions().values())}


def cut(stage: Stage) -> Figures:
    """Row 31: retention takes events that were never judged: the partition says so, and waits for an operator."""
    with stage.apart(N_EVENTS) as scene:
        with scene.fleet.at_work(1):
            scene.drained()
        more = _more(stage)
        begins = _cut_half_of_the_rest(scene, partition := 0)
        worker = scene.fleet.start(ready=False)
        until(lambda: _degraded(worker), "a cut log is not said")
        until(lambda: scene.watch.lag() == _lag_of(scene, partition), "the other partitions do not go on")
        newest = scene.watch.last_body(ASSESSMENTS, partition)["offset"]
        assert newest < begins, f"an event at {newest} behind the gap was judged"
        scene.fleet.retire(worker)
        (gap,) = _accept(scene)
        with scene.fleet.at_work(1):
            scene.drained()
        due = {one.offset for one in more.sent if (one.partition, one.fate) == (partition, "judged")}
        lost = {offset for offset in due if offset >= begins} - _assessed(scene, partition)
        assert not lost, f"events behind the gap are not judged: {sorted(lost)[:5]}"
    return {"lost_to_retention": gap["n_lost"]}


def repartitioned(stage: Stage) -> Figures:
    """Row 33: one partition more moves subjects away from their state: workers refuse."""
    with stage.apart(N_EVENTS) as scene:
        with scene.fleet.at_work(1):
            scene.drained()
        n_partitions = len(scene.watch.positions())
        scene.watch.admin.create_partitions([NewPartitions(EVENTS, n_partitions + 1)])[EVENTS].result(ANSWER_S)
        until(lambda: len(scene.watch.positions()) > n_partitions, "the partition is not there")
        before = scene.watch.n_records(ASSESSMENTS)
        _more(stage)
        worker = scene.fleet.start(ready=False)
        until(lambda: _degraded(worker), "that subjects have moved is not said")
        stage.pause(GRACE_S)
        assert scene.watch.n_records(ASSESSMENTS) == before, "events were judged although subjects have moved"
        scene.fleet.retire(worker)
    return {}


def _more(stage: Stage) -> Load:
    load = Load(stage.broker.direct, n_events=N_EVENTS, rate=1e6, seed=stage.options.seed + 99)
    with load:
        load.finish()
    return load


def _cut_half_of_the_rest(scene: Scene, partition: int) -> int:
    end, judged = scene.watch.positions()[partition]
    begins = (judged + end) // 2
    assert begins > judged + 5, "there is nothing to lose"
    where = TopicPartition(EVENTS, partition, begins)
    scene.watch.admin.delete_records([where])[where].result(ANSWER_S)
    return begins


def _lag_of(scene: Scene, partition: int) -> int:
    end, judged = scene.watch.positions()[partition]
    return end - judged


def _degraded(worker: Worker) -> bool:
    return "DEGRADED" in worker.problems().get("partitions", "")


def _accept(scene: Scene) -> Any:
    settings = scene.deployment.settings | {"PATH": os.environ["PATH"]}
    command = [sys.executable, "-m", "menshen.cli", "gaps", "--accept", "--yes", "--json"]
    return json.loads(subprocess.run(command, env=settings, capture_output=True, check=True).stdout)


def _assessed(scene: Scene, partition: int) -> set[int]:
    records = read_partition(scene.deployment.kafka.bootstrap_servers, ASSESSMENTS, partition)
    return {json.loads(dated.record.value or b"{}")["offset"] for dated in records}
