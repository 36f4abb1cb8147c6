"""How long records take at stated loads: from an event's append to its record's, both by the broker's clock."""

import json
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import msgspec
from confluent_kafka import Consumer, TopicPartition
from msgspec import Struct
from tests.bench.house import House, must_run
from tests.bench.measuring import between, look, percentiles

from menshen.contract.topics import ASSESSMENTS, EVENTS

WARM_S, SETTLE_S, READ_S = 4.0, 60.0, 30.0
Figures = dict[str, Any]


class Told(Struct):
    """What is read of an assessment."""

    event_type: str
    appended_ms: int


def menshen(house: House, rates: list[float], seconds: float) -> list[Figures]:
    """Send at each rate to one worker as shipped, which goes on from one to the next."""
    crowd = house.folder / "crowd.pickle"
    crowd.write_bytes(pickle.dumps(house.crowd))
    assert house.kafka.pid
    with house.valkey("latency") as valkey:
        deployment = house.deployment(valkey, "latency")
        with deployment.worker(log_level="warning") as worker:
            worker.wait_until_ready()
            pids = {"worker_cpu": worker.pid, "kafka_cpu": house.kafka.pid, "redis_cpu": valkey.pid}
            found = []
            for rate in rates:
                must_run(worker)
                found.append(_at(house, rate, seconds, pids, str(crowd)))
                house.say(f"{rate:,.0f} events/s: p99 {found[-1]['p99_ms']} ms")
        return found


def _at(house: House, rate: float, seconds: float, pids: dict[str, int], crowd: str) -> Figures:
    already, before = house.ends(EVENTS), _positions(house)
    begin = look(house.ends(ASSESSMENTS), pids)
    command = [sys.executable, "-m", "tests.bench.open_loop", "--kafka", house.kafka.bootstrap_servers]
    command += ["--topic", EVENTS, "--crowd", crowd, "--rate", str(rate), "--seconds", str(seconds + WARM_S)]
    sender = subprocess.run([*command, "--run", f"{rate:g}-"], check=True, capture_output=True)
    end = look(house.ends(ASSESSMENTS), pids)
    told, n_sent = json.loads(sender.stdout), house.ends(EVENTS) - already
    settled_s = _settled(house, house.ends(EVENTS))
    records = sorted(_records(house, before), key=lambda one: one[0])
    measured = [one for one in records if one[0] >= records[0][0] + 1000 * WARM_S]
    waits = [(event_type, at_ms - appended_ms) for appended_ms, at_ms, event_type in measured]
    asked = [ms for event_type, ms in waits if event_type == "checkpoint"]
    return {
        "rate": rate,
        "sent": n_sent,
        "records": len(records),
        **percentiles([ms for _, ms in waits]),
        "checkpoint": percentiles(asked) if asked else {},
        **{name: value for name, value in between(begin, end).items() if name.endswith("_us")},
        "settled_s": settled_s,
        "generator_behind_ms": told["behind_ms"],
    }


def _settled(house: House, n_events: int) -> float:
    """Wait until there is a record for each event."""
    began_s = time.monotonic()
    while house.ends(ASSESSMENTS) < n_events:
        if time.monotonic() - began_s > SETTLE_S:
            break
        time.sleep(0.1)
    return round(time.monotonic() - began_s, 1)


def _positions(house: House) -> dict[int, int]:
    return {p: house.ends.of(ASSESSMENTS, p) for p in range(house.partitions)}


def _records(house: House, since: dict[int, int]) -> Iterator[tuple[int, int, str]]:
    """Yield each assessment's event append, own append (ms) and type, from some positions on to the end."""
    reader = Consumer({"bootstrap.servers": house.kafka.bootstrap_servers, "group.id": "bench-reader"})
    wanted = {p: house.ends.of(ASSESSMENTS, p) for p in since}
    n_left = sum(wanted[p] - since[p] for p in since)
    reader.assign([TopicPartition(ASSESSMENTS, p, offset) for p, offset in since.items()])
    decoder = msgspec.json.Decoder(Told)
    while n_left > 0:
        for record in reader.consume(10_000, READ_S):
            assert record.error() is None
            told = decoder.decode(record.value())
            yield told.appended_ms, record.timestamp()[1], told.event_type
            n_left -= 1
    reader.close()
