"""What a row of the benchmark has cost: records and CPU time between two looks, from outside of the processes."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

ANSWER_S, LOOK_S = 30.0, 0.25
WARM_SHARE = 0.1
"""Of the records: what comes before is not measured, while connections, caches and the broker's Java grow warm."""
_TICKS_A_S = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """Return a process and its children: several workers are those of one command."""
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def cpu_s(pid: int) -> float:
    """Return the seconds of CPU, user and system, that a process and its children have used, all threads together.

    A child that has ended counts with its parent, so that the figure never falls.
    """
    stats = [Path(f"/proc/{each}/stat").read_text().rpartition(") ")[2].split() for each in family(pid)]
    return sum(sum(map(int, fields[11:15])) for fields in stats) / _TICKS_A_S


def rss_mb(pid: int) -> int:
    """Return how much memory of a process and its children is resident, in megabytes; what they share counts twice."""
    pages = sum(int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in family(pid))
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


class Ends:
    """How many records topics have been given."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench-onlooker", "log_level": 0})

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()

    def __call__(self, topic: str) -> int:
        """Return the records that a topic has been given until now."""
        partitions = self._consumer.list_topics(topic, ANSWER_S).topics[topic].partitions
        return sum(self.of(topic, partition) for partition in partitions)

    def of(self, topic: str, partition: int) -> int:
        """Return the records that one partition has been given until now."""
        return self._consumer.get_watermark_offsets(TopicPartition(topic, partition), ANSWER_S)[1]


@dataclass(frozen=True, kw_only=True)
class Look:
    """One look: when, how many records there were, and what each process had used."""

    at_s: float
    n_records: int
    cpu_s: Mapping[str, float]


def look(n_records: int, pids: Mapping[str, int]) -> Look:
    """Look at the processes now."""
    return Look(at_s=time.monotonic(), n_records=n_records, cpu_s={name: cpu_s(pid) for name, pid in pids.items()})


def watched(
    count: Callable[[], int], pids: Mapping[str, int], n_events: int, *, at_most_s: float, alive: Callable[[], object]
) -> tuple[Look, Look]:
    """Look on while records come; return the looks at the end of the warm-up and at the last moment of full work.

    Ends when all are there, or after `at_most_s` of measured work. `alive` raises where nothing will come any more.
    """
    begin = last = None
    while True:
        now = look(count(), pids)
        if begin is None and now.n_records >= WARM_SHARE * n_events:
            begin = now
        if begin and (now.n_records >= n_events or now.at_s - begin.at_s >= at_most_s):
            assert last is not None, "all records came between two looks: more events are needed"
            return begin, last
        last = now if begin else None
        alive()
        time.sleep(LOOK_S)


def between(begin: Look, end: Look) -> dict[str, Any]:
    """Return events a second, and microseconds of CPU an event by process."""
    n_events, seconds = end.n_records - begin.n_records, end.at_s - begin.at_s
    used = {f"{name}_us": (end.cpu_s[name] - begin.cpu_s[name]) * 1e6 / n_events for name in end.cpu_s}
    return {"events_per_s": n_events / seconds, "measured_s": seconds, "measured": n_events, **used}


def percentiles(values_ms: Sequence[float]) -> dict[str, float]:
    """Return p50, p99, p99.9 and the greatest."""
    ordered = sorted(values_ms)
    ranks = {"p50_ms": 0.5, "p99_ms": 0.99, "p99_9_ms": 0.999, "max_ms": 1.0}
    return {name: ordered[min(len(ordered) - 1, int(len(ordered) * rank))] for name, rank in ranks.items()}
