"""A member of a consumer group that always comes to its partitions."""

import contextlib
from typing import Any

from kafka import KafkaConsumer
from kafka.errors import KafkaError


class GroupMember(KafkaConsumer):  # type: ignore[misc]  # kafka-python has no types
    """kafka-python's consumer of one topic, without two ways in which its joining of a group goes wrong (3.0.12).

    A leader that has not heard of the topic's partitions yet shares out none, and then has all members join again: so
    they are asked for before it joins. And a join that was begun because partitions are new is forgotten if a poll's
    time is over between its two answers: the member would have no partitions for ever, and not say so.
    """

    def __init__(self, topic: str, **options: object) -> None:
        super().__init__(topic, **options)
        with contextlib.suppress(KafkaError):  # an outage is waited out by polling, and only costs a second join
            self.partitions_for_topic(topic)

    def poll(self, *args: Any, **options: Any) -> dict[Any, list[Any]]:
        """Return what has come, as kafka-python's own does, and have a join that was forgotten taken up again."""
        polled: dict[Any, list[Any]] = super().poll(*args, **options)
        if not polled and self._coordinator.rejoining and not self._coordinator.need_rejoin():
            self._coordinator.request_rejoin()
        return polled
