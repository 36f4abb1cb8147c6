"""What an onlooker sees of a consumer group and of a topic, with clients that take part in nothing."""

import json
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from tests.outside.manifest import EVENTS

ANSWER_S, BACK_S = 15.0, 60.0


class Onlooker:
    """Watches one group at one broker. Nothing that it asks changes anything."""

    def __init__(self, bootstrap: str, group: str) -> None:
        self._bootstrap, self.group = bootstrap, group
        self.admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        self._committed = self._consumer(group)

    def close(self) -> None:
        """Close the connections."""
        self._committed.close()

    def lag(self) -> int:
        """Return how many records of the events topic the group has not taken note of."""
        return sum(end - position for end, position in self.positions().values())

    def positions(self) -> dict[int, tuple[int, int]]:
        """Return for each partition of the events where it ends, and what the group has committed."""
        asked = self._partitions(EVENTS)
        committed = _patiently(lambda: self._committed.committed(asked, ANSWER_S))
        return {where.partition: (self.span(EVENTS, where.partition)[1], max(0, where.offset)) for where in committed}

    def span(self, topic: str, partition: int) -> tuple[int, int]:
        """Return the first offset of a partition and the one behind its last record."""
        where = TopicPartition(topic, partition)
        return _patiently(lambda: self._committed.get_watermark_offsets(where, ANSWER_S))

    def n_records(self, topic: str) -> int:
        """Return how many records a topic has been given."""
        return sum(self.span(topic, where.partition)[1] for where in self._partitions(topic))

    def partitions_of(self, instance_id: str) -> set[int]:
        """Return the partitions of the events that a static member has; none if it is not there."""
        described = _patiently(lambda: self.admin.describe_consumer_groups([self.group])[self.group].result(ANSWER_S))
        return {
            where.partition
            for member in described.members
            if member.group_instance_id == instance_id
            for where in member.assignment.topic_partitions
            if where.topic == EVENTS
        }

    def last_body(self, topic: str, partition: int) -> Any:
        """Return the value of the last record of a partition, decoded; None if there is none."""
        _, end = self.span(topic, partition)
        if end == 0:
            return None
        with self._assigned([TopicPartition(topic, partition, end - 1)]) as consumer:
            (record,) = consumer.consume(1, ANSWER_S)
            return json.loads(record.value())

    @contextmanager
    def next_records(self, topic: str, partitions: Collection[int]) -> Iterator[Consumer]:
        """Yield a consumer that gives what is appended from now on."""
        where = [TopicPartition(topic, p, self.span(topic, p)[1]) for p in partitions]
        with self._assigned(where) as consumer:
            yield consumer

    def setting(self, topic: str, name: str) -> str:
        """Return what a setting of a topic is now."""
        resource = ConfigResource(ResourceType.TOPIC, topic)
        value: str = self.admin.describe_configs([resource])[resource].result(ANSWER_S)[name].value
        return value

    def rewind(self) -> None:
        """Have the group, which must have no member, begin again with the first record of each partition."""
        begin = [TopicPartition(EVENTS, number, self.span(EVENTS, number)[0]) for number in self.positions()]
        self._committed.commit(offsets=begin, asynchronous=False)

    def set_topic(self, topic: str, **settings: str) -> None:
        """Change settings of a topic, and wait until they hold."""
        entries = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in settings.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
        self.admin.incremental_alter_configs([resource])[resource].result(ANSWER_S)

    def _partitions(self, topic: str) -> list[TopicPartition]:
        numbers = _patiently(lambda: self._committed.list_topics(topic, ANSWER_S)).topics[topic].partitions
        return [TopicPartition(topic, number) for number in sorted(numbers)]

    @contextmanager
    def _assigned(self, where: list[TopicPartition]) -> Iterator[Consumer]:
        consumer = self._consumer("onlooker")
        try:
            consumer.assign(where)
            yield consumer
        finally:
            consumer.close()

    def _consumer(self, group: str) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": group,
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 20,
                "log_level": 0,
            }
        )


def _patiently(ask: Callable[[], Any]) -> Any:
    """Ask until a broker answers: one that has just come back knows less than it will."""
    deadline_s = time.monotonic() + BACK_S
    while True:
        try:
            return ask()
        except KafkaException:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.2)


def first_after(consumer: Consumer, since_s: float, patience_s: float) -> float:
    """Return the seconds from `since_s`, on this machine's clock, to the first record that the broker took after it."""
    deadline_s = time.monotonic() + patience_s
    while time.monotonic() < deadline_s:
        for record in consumer.consume(100, 0.05):
            if record.error() is None and (at_s := record.timestamp()[1] / 1000) > since_s:
                return at_s - since_s
    raise AssertionError(f"no new record within {patience_s:g} s")
