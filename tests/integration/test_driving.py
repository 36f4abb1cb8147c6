"""Each partition is driven by itself: none waits for another, and who leaves waits for what is in hand."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition
from confluent_kafka.admin import AdminClient
from tests.integration.loop.world import N_PARTITIONS, World, login
from tests.servers.kafka import Kafka

from menshen.contract.decoding import encode_event
from menshen.contract.routing import partition_of
from menshen.contract.topics import ASSESSMENTS, EVENTS
from menshen.detect.ownership.partition import Partition
from menshen.detect.worker import Worker
from menshen.shell.embedded.servers import free_port
from menshen.shell.errors import Unavailable
from menshen.shell.kafka.clients import Outgoing, Publisher, group_consumer
from menshen.shell.settings import DetectSettings

MOST, EACH = 50, 200
SUBJECTS = {partition_of(f"s{n}".encode(), N_PARTITIONS): f"s{n}" for n in range(40)}
"""One of each partition."""


def members(kafka: Kafka, group: str) -> list[Any]:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    return list(admin.describe_consumer_groups([group])[group].result(10.0).members)


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not done():  # noqa: ASYNC110  # a position tells nobody that it moves
            await asyncio.sleep(0.01)


@pytest.fixture
async def worker(fresh_topics: Kafka, redis_url: str, tenant: str) -> AsyncIterator[Worker]:
    """A worker that owns all partitions, with some hundred logins in each, and drives none yet."""
    async with World(fresh_topics, redis_url, tenant) as world:
        for number, subject in SUBJECTS.items():
            logins = [encode_event(login(f"e{n}", subject_id=subject)) for n in range(EACH)]
            records = [Outgoing(subject.encode(), value) for value in logins]
            await Publisher.publish(world.publisher, EVENTS, number, records)
        settings: DetectSettings = world.settings.model_copy(update={"batch_max": MOST})
        consumer = group_consumer(settings)
        await consumer.start()
        consumer.assign([TopicPartition(EVENTS, number) for number in SUBJECTS])
        worker = Worker(settings, consumer, world.loop, world.takeover)
        worker._owned = {number: await world.takeover.claim(number, N_PARTITIONS) for number in SUBJECTS}
        worker._last_save = dict.fromkeys(SUBJECTS, 0)
        yield worker
        worker.stop()
        await worker._end_drives()
        await consumer.stop()


def drive(worker: Worker) -> list[Partition]:
    """Have each partition driven; return them."""
    worker._drives = {p.number: asyncio.create_task(worker._drive(p)) for p in worker.owned()}
    return worker.owned()


async def test_no_partition_waits_for_another(worker: Worker) -> None:
    held, *others = worker.owned()
    async with held.busy:
        drive(worker)
        await until(lambda: all(other.position == EACH for other in others))
        assert held.position == 0
    await until(lambda: held.position == EACH)


async def test_at_most_a_batch_of_a_partition_is_taken_at_once_in_the_order_of_the_log(worker: Worker) -> None:
    taken = list[int]()
    while len(taken) < EACH:
        records = await worker._fetch(0)
        assert len(records) <= MOST
        taken += [record.offset for record in records]
    assert taken == list(range(EACH))


async def test_a_partition_that_is_given_away_is_saved_as_far_as_it_is_judged_and_no_further(worker: Worker) -> None:
    given, *others = drive(worker)
    await until(lambda: given.position > 0)
    await worker._revoked([given.number])
    assert given.position - 1 == given.claim.marks.mark
    at = given.position
    await until(lambda: worker._drives[given.number].done() and all(other.position == EACH for other in others))
    assert given.position == at


async def test_one_whose_batch_fails_while_it_is_given_away_is_not_saved(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, publisher = worker.owned()[0], worker._loop._publisher
    worker._last_save[given.number] = sys.maxsize
    publish, published, go_on = publisher.publish, asyncio.Event(), asyncio.Event()

    async def fails_amid_the_second_batch(topic: str, partition: int, records: Sequence[Outgoing]) -> int | None:
        end = await publish(topic, partition, records)
        if topic == ASSESSMENTS and partition == given.number and given.position > 0:
            published.set()
            await go_on.wait()
            raise Unavailable("kafka: for a test")
        return end

    monkeypatch.setattr(publisher, "publish", fails_amid_the_second_batch)
    drive(worker)
    await published.wait()
    leaving = asyncio.create_task(worker._revoked([given.number]))
    await asyncio.sleep(0.1)
    go_on.set()
    await leaving
    assert await worker._loop._store.mark(given.number) == -1


async def test_one_that_fails_ends_all_and_its_error_is_told(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    work = worker._work

    async def broken_for_one(owned: Partition) -> None:
        if owned.number == 0:
            raise ZeroDivisionError
        await work(owned)

    monkeypatch.setattr(worker, "_work", broken_for_one)
    drive(worker)
    await until(lambda: all(each.done() for each in worker._drives.values()))
    with pytest.raises(ZeroDivisionError):
        await worker._end_drives()
    worker._drives.clear()


async def test_who_drives_nothing_stays_in_the_group(fresh_topics: Kafka, tenant: str) -> None:
    async with World(fresh_topics, f"redis://127.0.0.1:{free_port()}", tenant) as world:
        consumer = group_consumer(world.settings)
        consumer._max_poll_interval_ms = 500
        worker = Worker(world.settings, consumer, world.loop, world.takeover)
        running = asyncio.create_task(worker.run())
        await until(lambda: len(worker.waiting) == N_PARTITIONS)
        await asyncio.sleep(3.0)
        assert len(await asyncio.to_thread(members, fresh_topics, world.settings.group_id)) == 1
        worker.stop()
        await running
