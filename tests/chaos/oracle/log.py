"""Reads one partition of a topic to its end, as the broker dated it."""

from collections.abc import Iterator
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition
from tests.outside.reading import Record

ANSWER_S = 15.0


class Dated(NamedTuple):
    """A record, and when the broker appended it."""

    record: Record
    appended_ms: int


def read_partition(bootstrap: str, topic: str, partition: int) -> Iterator[Dated]:
    """Yield the records of a partition in order, up to where it ends now."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "oracle", "enable.auto.commit": False})
    where = TopicPartition(topic, partition)
    try:
        position, end = consumer.get_watermark_offsets(where, ANSWER_S)
        consumer.assign([TopicPartition(topic, partition, position)])
        while position < end:
            messages = consumer.consume(min(1000, end - position), ANSWER_S)
            if not messages:
                raise AssertionError(f"{topic}/{partition} gives nothing at {position} of {end}")
            for message in messages:
                if message.error():
                    raise AssertionError(f"{topic}/{partition}: {message.error()}")
                position = message.offset() + 1
                yield Dated(_record(message), message.timestamp()[1])
    finally:
        consumer.close()


def partitions_of(bootstrap: str, topic: str) -> list[int]:
    """Return the numbers of a topic's partitions."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "oracle"})
    try:
        return sorted(consumer.list_topics(topic, ANSWER_S).topics[topic].partitions)
    finally:
        consumer.close()


def _record(message: object) -> Record:
    headers = tuple(message.headers() or ())  # type: ignore[attr-defined]
    where = message.topic(), message.partition(), message.offset()  # type: ignore[attr-defined]
    return Record(*where, message.key(), message.value(), headers)  # type: ignore[attr-defined]
