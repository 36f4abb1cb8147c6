"""The generator: appends events at a steady rate, whether anybody keeps up or not: `python -m tests.bench.open_loop`.

Reads the crowd from a file, since lives take seconds to live. Prints, as JSON, how many records it appended and how far
it fell behind its own clock at the worst: beyond some milliseconds, what was measured is not the stated load.
"""

import argparse
import json
import pickle
import time
from pathlib import Path

from confluent_kafka import Producer

from menshen.bench.mix import events

TICK_S = 0.002
PRODUCER = {"partitioner": "murmur2_random", "linger.ms": 1, "acks": 1, "queue.buffering.max.messages": 1_000_000}


def append(bootstrap: str, topic: str, crowd_file: Path, *, rate: float, seconds: float, run: str) -> dict[str, float]:
    """Append for some seconds; return the figures to print."""
    producer = Producer({"bootstrap.servers": bootstrap, **PRODUCER})
    stream, n_sent, behind_s = events(pickle.loads(crowd_file.read_bytes()), run=run), 0, 0.0
    began_s = time.monotonic()
    while (elapsed_s := time.monotonic() - began_s) < seconds:
        due = int(elapsed_s * rate)
        behind_s = max(behind_s, (due - n_sent) / rate)
        now_ms = time.time_ns() // 1_000_000
        for _ in range(due - n_sent):
            event = next(stream)
            producer.produce(topic, event.value(now_ms), event.customer.subject)
        n_sent = due
        producer.poll(0)
        time.sleep(TICK_S)
    assert producer.flush(60.0) == 0, "the broker does not take the events"
    return {"sent": n_sent, "behind_ms": round(1000 * behind_s, 1)}


def main() -> None:
    """Append as told."""
    options = argparse.ArgumentParser(prog="python -m tests.bench.open_loop", description=__doc__)
    options.add_argument("--kafka", required=True, help="address of the broker")
    options.add_argument("--topic", required=True, help="where events go")
    options.add_argument("--crowd", type=Path, required=True, help="a pickled crowd")
    options.add_argument("--rate", type=float, required=True, help="events a second")
    options.add_argument("--seconds", type=float, required=True, help="how long")
    options.add_argument("--run", required=True, help="what sets this run's ids apart")
    given = options.parse_args()
    told = append(given.kafka, given.topic, given.crowd, rate=given.rate, seconds=given.seconds, run=given.run)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
