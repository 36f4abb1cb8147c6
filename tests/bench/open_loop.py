"""The generator: appends events at a steady rate, whether anybody keeps up or not: `python -m tests.bench.open_loop`.

Reads the crowd from a file, since lives take seconds to live. Prints, as JSON, how many records it appended and how far
it fell behind its own clock at the worst: beyond some milliseconds, what was measured is not the stated load.
"""

import argparse
import json
import pickle
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Producer

from menshen.bench.mix import Due, events, hot, telemetry

TICK_S = 0.002
PRODUCER = {"partitioner": "murmur2_random", "linger.ms": 5, "acks": 1, "queue.buffering.max.messages": 1_000_000}
BESIDE = {"telemetry": telemetry, "hot": hot}
"""What may be sent beside the mix: telemetry alone, or logins on one device."""


class Stream(NamedTuple):
    """Events, and how many of them a second."""

    events: Iterator[Due]
    rate: float


def append(bootstrap: str, topic: str, streams: list[Stream], seconds: float) -> dict[str, float]:
    """Append for some seconds; return the figures to print."""
    producer = Producer({"bootstrap.servers": bootstrap, **PRODUCER})
    n_sent, behind_s = [0] * len(streams), 0.0
    began_s = time.monotonic()
    while (elapsed_s := time.monotonic() - began_s) < seconds:
        now_ms = time.time_ns() // 1_000_000
        for place, stream in enumerate(streams):
            due = int(elapsed_s * stream.rate)
            behind_s = max(behind_s, (due - n_sent[place]) / stream.rate)
            for _ in range(due - n_sent[place]):
                event = next(stream.events)
                producer.produce(topic, event.value(now_ms), event.customer.subject)
            n_sent[place] = due
        producer.poll(0)
        time.sleep(TICK_S)
    assert producer.flush(60.0) == 0, "the broker does not take the events"
    return {"sent": sum(n_sent), "behind_ms": round(1000 * behind_s, 1)}


def main() -> None:
    """Append as told."""
    options = argparse.ArgumentParser(prog="python -m tests.bench.open_loop", description=__doc__)
    options.add_argument("--kafka", required=True, help="address of the broker")
    options.add_argument("--topic", required=True, help="where events go")
    options.add_argument("--crowd", type=Path, required=True, help="a pickled crowd")
    options.add_argument("--rate", type=float, required=True, help="events a second")
    options.add_argument("--beside", choices=BESIDE, help="what else is sent")
    options.add_argument("--beside-rate", type=float, default=0.0, help="how many of these a second")
    options.add_argument("--seconds", type=float, required=True, help="how long")
    options.add_argument("--run", required=True, help="what sets this run's ids apart")
    given = options.parse_args()
    crowd = pickle.loads(given.crowd.read_bytes())
    streams = [Stream(events(crowd, run=given.run), given.rate)]
    if given.beside:
        streams.append(Stream(BESIDE[given.beside](crowd, run=f"{given.run}beside-"), given.beside_rate))
    print(json.dumps(append(given.kafka, given.topic, streams, given.seconds)))


if __name__ == "__main__":
    main()
