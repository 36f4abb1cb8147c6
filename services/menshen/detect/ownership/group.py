"""Membership in the consumer group: which partitions are ours, and whether they really are."""

import asyncio
from collections.abc import Awaitable, Callable, Collection

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError, UnknownMemberIdError

from menshen.contract.topics import EVENTS
from menshen.shell.errors import Unavailable

Handler = Callable[[list[int]], Awaitable[None]]


class Membership(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is not typed
    """Keeps assigned partitions paused until they are claimed, and lets go of revoked ones in good order."""

    def __init__(self, consumer: AIOKafkaConsumer, on_assigned: Handler, on_revoked: Handler) -> None:
        self._consumer = consumer
        self._on_assigned, self._on_revoked = on_assigned, on_revoked

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Called by aiokafka before the first fetch from a new assignment."""
        self._consumer.pause(*assigned)
        await self._on_assigned(sorted(where.partition for where in assigned))

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Called by aiokafka before the group gives partitions to others."""
        await self._on_revoked(sorted(where.partition for where in revoked))


async def still_ours(consumer: AIOKafkaConsumer, partition: int, position: int) -> bool:
    """Ask the group whether a partition is ours: it takes a commit from current members only.

    Raises `Unavailable` if the group does not answer now.
    """
    where = TopicPartition(EVENTS, partition)
    if where not in consumer.assignment():
        return False
    try:
        await asyncio.wait_for(consumer.commit({where: position}), 5.0)
    except (CommitFailedError, UnknownMemberIdError, IllegalStateError):
        return False
    except (TimeoutError, KafkaError) as error:
        raise Unavailable(f"kafka: the group does not answer: {error!r}") from error
    return where in consumer.assignment()
