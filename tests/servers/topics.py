"""The product's topics, empty, on a broker that other tests share: their names are fixed, so they are made anew."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType
from tests.servers.kafka import Kafka, stand_in
from tests.servers.sources import Missing

from menshen.shell.kafka.topics import catalogue

_ANSWER_S = 10.0
_MARK = ("file.delete.delay.ms", "1001")
"""A harmless setting by which a later run knows what a run has made; and what is removed frees its disk at once."""


@contextmanager
def fresh_topics(kafka: Kafka) -> Iterator[Kafka]:
    """Yield a broker with every declared topic empty, its numbering from 0: `kafka` itself, or another stand-in.

    Raises `Missing` rather than delete records that no test wrote, on a broker that somebody named.
    """
    if not kafka.real:
        with stand_in() as broker:
            create_topics(broker)
            yield broker
        return
    _delete(kafka)
    create_topics(kafka)
    yield kafka


def create_topics(kafka: Kafka) -> None:
    """Create every declared topic."""
    for topic in catalogue():
        kafka.create_topic(topic.name, topic.partitions, **topic.settings, **dict([_MARK]))


def _delete(kafka: Kafka) -> None:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    there = sorted({topic.name for topic in catalogue()} & admin.list_topics(timeout=_ANSWER_S).topics.keys())
    if not there:
        return
    if "MENSHEN_TEST_KAFKA" in os.environ:
        _refuse_what_is_not_ours(kafka, admin, there)
    for deleted in admin.delete_topics(there, operation_timeout=_ANSWER_S).values():
        deleted.result(_ANSWER_S)
    deadline = time.monotonic() + _ANSWER_S
    while set(there) & admin.list_topics(timeout=_ANSWER_S).topics.keys():
        assert time.monotonic() < deadline, f"these topics do not go away: {there}"
        time.sleep(0.02)


def _refuse_what_is_not_ours(kafka: Kafka, admin: AdminClient, topics: Sequence[str]) -> None:
    asked = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name) for name in topics])
    settings = {resource.name: answer.result(_ANSWER_S) for resource, answer in asked.items()}
    name, value = _MARK
    foreign = [topic for topic in topics if settings[topic][name].value != value]
    if full := [topic for topic in foreign if _holds_records(kafka, topic)]:
        raise Missing(f"MENSHEN_TEST_KAFKA: {', '.join(full)} hold records that no test wrote: name another broker")


def _holds_records(kafka: Kafka, topic: str) -> bool:
    with closing(Consumer({"bootstrap.servers": kafka.bootstrap_servers, "group.id": "menshen-tests"})) as consumer:
        partitions = consumer.list_topics(topic, _ANSWER_S).topics[topic].partitions
        spans = [consumer.get_watermark_offsets(TopicPartition(topic, p), _ANSWER_S) for p in partitions]
    return any(end > first for first, end in spans)
