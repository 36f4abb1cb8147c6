"""The records of one telling of the log: by id, the first one counts, and all of one id must be the same bytes."""

from collections.abc import Iterable
from hashlib import blake2b

import msgspec
from confluent_kafka import Consumer, TopicPartition
from tests.outside.manifest import ASSESSMENTS, VERDICTS

TOPICS = (ASSESSMENTS, VERDICTS)
ANSWER_S = 30.0


class _Named(msgspec.Struct):
    assessment_id: str = ""
    verdict_id: str = ""


_NAMED = msgspec.json.Decoder(_Named)


class Book:
    """What was told. `n_conflicts` counts records that are not the bytes of the first one of their id."""

    def __init__(self, values: Iterable[bytes]) -> None:
        self._digests: dict[str, bytes] = {}
        self.n_conflicts = 0
        for value in values:
            named, digest = _NAMED.decode(value), blake2b(value, digest_size=8).digest()
            self.n_conflicts += self._digests.setdefault(named.assessment_id or named.verdict_id, digest) != digest

    def __len__(self) -> int:
        return len(self._digests)

    def n_differences(self, other: "Book") -> int:
        """Return how many ids have other bytes in the other book, or stand in one of them only."""
        ours, theirs = self._digests, other._digests
        return sum(ours.get(name) != theirs.get(name) for name in ours.keys() | theirs.keys())


def published(bootstrap: str) -> Book:
    """Return the book of what stands in the log."""
    return Book(value for topic in TOPICS for value in _values(bootstrap, topic))


def _values(bootstrap: str, topic: str) -> Iterable[bytes]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "book", "enable.auto.commit": False})
    try:
        numbers = consumer.list_topics(topic, ANSWER_S).topics[topic].partitions
        ends = {n: consumer.get_watermark_offsets(TopicPartition(topic, n), ANSWER_S)[1] for n in numbers}
        consumer.assign([TopicPartition(topic, n, 0) for n in numbers])
        n_left = sum(ends.values())
        while n_left:
            records = consumer.consume(min(n_left, 5_000), ANSWER_S)
            assert records, f"{n_left} records of {topic} do not come"
            n_left -= len(records)
            yield from (record.value() for record in records)
    finally:
        consumer.close()
