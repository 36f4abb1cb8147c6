"""Topics of three partitions, and what publishes to them and reads them back."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from tests.simulation.event_loop import PROCESS
from tests.simulation.ports.wire import Wire

from menshen.contract.topics import ASSESSMENTS, DEAD_LETTERS, EVENTS, VERDICTS
from menshen.shell.errors import Unavailable
from menshen.shell.kafka.clients import Outgoing

N_PARTITIONS = 3
BEGIN_MS = 1_800_000_000_000
CHUNK = 4


class Record(NamedTuple):
    """A record as consumers see it; who sent it when, and when it arrived."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    by: str
    sent_s: float
    arrived_s: float


class Stretch:
    """One partition of a topic. `records` has all that were ever appended, `first` is where it begins by now."""

    def __init__(self, topic: str, partition: int) -> None:
        self.topic, self.partition = topic, partition
        self.records: list[Record] = []
        self.first = 0

    @property
    def end(self) -> int:
        return len(self.records)

    def span(self) -> tuple[int, int]:
        return self.first, self.end

    def read(self, start: int, end: int) -> list[Record]:
        return self.records[max(start, self.first) : end]


class Topics:
    """All topics. `on_event` is called when an event was appended."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._stretches = {
            (topic, number): Stretch(topic, number)
            for topic in (EVENTS, ASSESSMENTS, VERDICTS, DEAD_LETTERS)
            for number in range(N_PARTITIONS)
        }
        self.on_event: Callable[[], None] = lambda: None

    def of(self, topic: str, partition: int) -> Stretch:
        return self._stretches[topic, partition]

    def now_ms(self) -> int:
        return BEGIN_MS + round(self._now_s() * 1000)

    def append(self, place: Stretch, records: Sequence[Outgoing], by: str, sent_s: float) -> int:
        """Append records; return the offset behind the last one."""
        topic, partition, now_s = place.topic, place.partition, self._now_s()
        for each in records:
            what, sent = (each.key, each.value, tuple(each.headers)), (by, sent_s, now_s)
            place.records.append(Record(topic, partition, place.end, self.now_ms(), *what, *sent))
        if topic == EVENTS:
            self.on_event()
        return place.end


def kafka_outage(what: str) -> Unavailable:
    return Unavailable(f"kafka: {what}")


class SimulatedPublisher:
    """Publishes as `Publisher` does: a batch is appended as a whole or not at all."""

    def __init__(self, topics: Topics, wire: Wire) -> None:
        self._topics, self._wire = topics, wire

    async def publish(self, topic: str, partition: int, records: Sequence[Outgoing]) -> int | None:
        if not records:
            return None
        place, by, sent_s = self._topics.of(topic, partition), PROCESS.get().name, asyncio.get_running_loop().time()
        what = f"publish {len(records)} to {topic}/{partition}"
        return await self._wire.call(what, lambda: self._topics.append(place, records, by, sent_s), kafka_outage)


class SimulatedReader:
    """Reads as `Reader` does."""

    def __init__(self, topics: Topics, wire: Wire) -> None:
        self._topics, self._wire = topics, wire

    async def span(self, topic: str, partition: int) -> tuple[int, int]:
        return await self._wire.call(
            f"span of {topic}/{partition}", self._topics.of(topic, partition).span, kafka_outage
        )

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[Any]:
        stretch = self._topics.of(topic, partition)
        for at in range(start, end, CHUNK):
            chunk = partial(_whole, stretch, at, min(at + CHUNK, end))
            for record in await self._wire.call(f"read {topic}/{partition} from {at}", chunk, kafka_outage):
                yield record


def _whole(stretch: Stretch, start: int, end: int) -> list[Record]:
    if start < stretch.first:
        raise kafka_outage(f"{start} is not there any more")
    return stretch.read(start, end)
