"""A worker takes of each partition: none waits behind the backlog of another."""

from collections.abc import AsyncIterator

import pytest
from aiokafka import TopicPartition
from tests.integration.loop.world import World
from tests.servers.kafka import Kafka

from menshen.contract.topics import EVENTS
from menshen.detect.ownership.partition import Partition
from menshen.detect.worker import Worker
from menshen.shell.kafka.clients import Outgoing, group_consumer
from menshen.shell.redis.store import Claim, Marks
from menshen.shell.settings import DetectSettings

MOST, PARTITIONS = 50, range(3)


@pytest.fixture
async def worker(fresh_topics: Kafka, redis_url: str, tenant: str) -> AsyncIterator[Worker]:
    """A worker that may fetch, and owns three partitions with 200 records each."""
    async with World(fresh_topics, redis_url, tenant) as world:
        for number in PARTITIONS:
            await world.publisher.publish(EVENTS, number, [Outgoing(b"s", b"%d" % n) for n in range(4 * MOST)])
        settings: DetectSettings = world.settings.model_copy(update={"batch_max": MOST})
        consumer = group_consumer(settings)
        await consumer.start()
        consumer.assign([TopicPartition(EVENTS, number) for number in PARTITIONS])
        worker = Worker(settings, consumer, world.loop, world.takeover)
        worker._owned = {n: Partition(n, Claim("token", Marks(-1, 0, 0), None, "", None)) for n in PARTITIONS}
        yield worker
        await consumer.stop()


async def test_of_each_partition_a_batch_is_taken_in_the_order_of_the_log(worker: Worker) -> None:
    taken: dict[int, list[int]] = {number: [] for number in PARTITIONS}
    while any(len(offsets) < 4 * MOST for offsets in taken.values()):
        fetched = await worker._fetch()
        assert all(len(records) <= MOST for records in fetched.values())
        for where, records in fetched.items():
            taken[where.partition] += [record.offset for record in records]
        assert max(map(len, taken.values())) - min(map(len, taken.values())) <= MOST
    assert list(taken.values()) == [list(range(4 * MOST))] * len(PARTITIONS)
