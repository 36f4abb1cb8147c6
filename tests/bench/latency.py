"""How long records take at stated loads: from an event's append to its record's, both by the broker's clock.

An event has waited until its assessment is in the log, a checkpoint until its verdict is: money waits for that.
"""

import json
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from confluent_kafka import Consumer, Message, TopicPartition
from msgspec import Struct
from tests.bench.house import House, must_run
from tests.bench.measuring import between, look, percentiles
from tests.servers.detect import Worker

from menshen.bench.mix import HOT_SUBJECT
from menshen.contract.assessment import Shed
from menshen.contract.topics import ASSESSMENTS, EVENTS, VERDICTS

WARM_S, SETTLE_S, READ_S = 4.0, 120.0, 30.0
CROWD = "crowd.pickle"
Figures = dict[str, Any]


class Load(NamedTuple):
    """What is sent: the mix at a rate, and beside it maybe something else, at its own (`open_loop.BESIDE`)."""

    rate: float
    beside: str = ""
    beside_rate: float = 0.0


WARM_UP, WARM_UP_S = Load(10_000), 40.0


class Assessed(Struct):
    """What is read of an assessment."""

    appended_ms: int
    subject_id: str


class Answered(Struct):
    """What is read of a verdict."""

    kind: str
    decided_ms: int


class Waited(NamedTuple):
    """How long one record took, since its event was appended, about whom."""

    appended_ms: int
    wait_ms: int
    subject_id: str = ""


class Workers(NamedTuple):
    """One command's processes."""

    command: Worker
    n_processes: int

    def taken(self) -> int:
        """Return how many events they have judged or shed."""
        told = "".join(self.command.get("/metrics", nth) for nth in range(self.n_processes))
        lines = (line for line in told.splitlines() if line.startswith("menshen_detect_events_total{"))
        return sum(int(float(line.rpartition(" ")[2])) for line in lines)


def menshen(
    house: House, name: str, loads: Sequence[Load], seconds: float, n_workers: int, **settings: object
) -> list[Figures]:
    """Send each load to workers as shipped, which go on from one to the next."""
    crowd = house.folder / CROWD
    crowd.write_bytes(pickle.dumps(house.crowd))
    assert house.kafka.pid
    with house.valkey(name) as valkey:
        deployment = house.deployment(valkey, name)
        with deployment.worker(log_level="warning", arguments=["--workers", str(n_workers)], **settings) as worker:
            worker.wait_until_ready()
            house.say("warming up: the broker's Java compiles what it does often")
            _send(house, WARM_UP, WARM_UP_S, str(crowd))
            workers = Workers(worker, n_workers)
            _settled(workers, house.ends(EVENTS))
            pids = {"worker_cpu": worker.pid, "kafka_cpu": house.kafka.pid, "redis_cpu": valkey.pid}
            found = []
            for load in loads:
                must_run(worker)
                found.append(_under(house, workers, load, seconds, pids))
                house.say(f"{load.rate:,.0f} events/s {load.beside}: p99 {found[-1]['p99_ms']} ms")
        return found


def _under(house: House, workers: Workers, load: Load, seconds: float, pids: dict[str, int]) -> Figures:
    already, before = house.ends(EVENTS), {topic: _positions(house, topic) for topic in (ASSESSMENTS, VERDICTS)}
    begin = look(workers.taken(), pids)
    sent = _send(house, load, seconds + WARM_S, str(house.folder / CROWD))
    end = look(workers.taken(), pids)
    n_sent, settled_s = house.ends(EVENTS) - already, _settled(workers, house.ends(EVENTS))
    found = list(_assessments(house, before[ASSESSMENTS]))
    n_shed = sum(one.n_shed for one in found if isinstance(one, Shed))
    records = [one for one in found if isinstance(one, Waited)]
    warm_ms = min(one.appended_ms for one in records) + 1000 * WARM_S
    measured = [one for one in records if one.appended_ms >= warm_ms]
    others = [one.wait_ms for one in measured if not one.subject_id.startswith(HOT_SUBJECT.decode())]
    answers = [one.wait_ms for one in _answers(house, before[VERDICTS]) if one.appended_ms >= warm_ms]
    return {
        **load._asdict(),
        "sent": n_sent,
        "records": len(records),
        **percentiles(others),
        "checkpoint": percentiles(answers) if answers else {},
        "shed_share": round(n_shed / (n_shed + len(records)), 3),
        **{name: value for name, value in between(begin, end).items() if name.endswith("_us")},
        "settled_s": settled_s,
        "generator_behind_ms": sent["behind_ms"],
    }


def _send(house: House, load: Load, seconds: float, crowd: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.open_loop", "--kafka", house.kafka.bootstrap_servers]
    command += ["--topic", EVENTS, "--crowd", crowd, "--rate", str(load.rate), "--seconds", str(seconds)]
    if load.beside:
        command += ["--beside", load.beside, "--beside-rate", str(load.beside_rate)]
    run = f"{load.rate:g}{load.beside}-{house.ends(EVENTS)}-"
    sender = subprocess.run([*command, "--run", run], check=True, capture_output=True)
    return dict(json.loads(sender.stdout))


def _settled(workers: Workers, n_events: int) -> float:
    """Wait until each event is judged or shed."""
    began_s = time.monotonic()
    while workers.taken() < n_events:
        if time.monotonic() - began_s > SETTLE_S:
            break
        time.sleep(0.1)
    return round(time.monotonic() - began_s, 1)


def _positions(house: House, topic: str) -> dict[int, int]:
    return {p: house.ends.of(topic, p) for p in range(house.partitions)}


def _assessments(house: House, since: dict[int, int]) -> Iterator[Waited | Shed]:
    """Yield how long each assessment took, and what was shed, from some positions on to the end."""
    decoder = msgspec.json.Decoder(Assessed)
    for record in _read(house, ASSESSMENTS, since):
        if record.key() is None:
            yield msgspec.json.decode(record.value(), type=Shed)
        else:
            told = decoder.decode(record.value())
            yield Waited(told.appended_ms, record.timestamp()[1] - told.appended_ms, told.subject_id)


def _answers(house: House, since: dict[int, int]) -> Iterator[Waited]:
    """Yield how long the verdict on each checkpoint took; a verdict is decided at its event's append."""
    decoder = msgspec.json.Decoder(Answered)
    for record in _read(house, VERDICTS, since):
        told = decoder.decode(record.value())
        if told.kind == "gate":
            yield Waited(told.decided_ms, record.timestamp()[1] - told.decided_ms)


def _read(house: House, topic: str, since: dict[int, int]) -> Iterator[Message]:
    reader = Consumer({"bootstrap.servers": house.kafka.bootstrap_servers, "group.id": "bench-reader"})
    wanted = _positions(house, topic)
    n_left = sum(wanted[p] - since[p] for p in since)
    reader.assign([TopicPartition(topic, p, offset) for p, offset in since.items()])
    while n_left > 0:
        for record in reader.consume(min(n_left, 10_000), READ_S):
            assert record.error() is None
            n_left -= 1
            yield record
    reader.close()
