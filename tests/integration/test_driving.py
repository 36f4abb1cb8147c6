"""Each partition is driven by itself, in rounds with those that come at the same moment: none waits for another."""

import asyncio
import itertools
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
from menshen.shell.errors import Stale, Unavailable
from menshen.shell.kafka.clients import Outgoing, Publisher, group_consumer
from menshen.shell.redis.store import Shared
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


async def batches(worker: Worker) -> list[Any]:
    """Return the judging of a first batch of each partition, to be awaited."""
    first = [(owned, (await worker._fetch(owned.number))[:5]) for owned in worker.owned()]
    return [worker._loop.batch(owned, records, N_PARTITIONS) for owned, records in first]


async def test_batches_that_come_at_the_same_moment_are_judged_in_one_round(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, observed = worker._loop._store, list[int]()
    observe = store.observe

    async def counted(entries: list[Shared]) -> list[tuple[int, int, int]]:
        observed.append(len(entries))
        return await observe(entries)

    monkeypatch.setattr(store, "observe", counted)
    published = await asyncio.gather(*await batches(worker))
    assert observed == [5 * N_PARTITIONS]
    assert [len(each.verdicts) for each in published] == [5] * N_PARTITIONS
    assert [owned.position for owned in worker.owned()] == [5] * N_PARTITIONS
    # Whatever travelled with it, each has its own: five logins on one device and address, of one person a partition.
    assert [owned.subjects.keys() for owned in worker.owned()] == [{SUBJECTS[o.number]} for o in worker.owned()]


async def test_what_goes_wrong_with_one_leaves_the_others_of_its_round_alone(worker: Worker) -> None:
    stale, *others = worker.owned()
    stale.claim = stale.claim._replace(token="another's")
    refused, *published = await asyncio.gather(*await batches(worker), return_exceptions=True)
    assert isinstance(refused, Stale)
    assert [len(each.verdicts) for each in published] == [5] * (N_PARTITIONS - 1)
    assert (stale.position, [other.position for other in others]) == (0, [5] * (N_PARTITIONS - 1))
    assert not stale.changed


async def test_what_comes_next_is_taken_while_a_partition_is_saved(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the client would ask its broker for nothing, on behalf of any partition."""
    saved, fetch, fetched = worker.owned()[0], worker._fetch, list[int]()
    going_on = asyncio.Event()

    async def counted(number: int) -> list[Any]:
        records = await fetch(number)
        fetched.extend([number] * len(records))
        return records

    async def waits(_: Partition) -> None:
        await going_on.wait()

    monkeypatch.setattr(worker, "_fetch", counted)
    monkeypatch.setattr(worker._loop, "save", waits)
    drive(worker)
    try:
        await until(lambda: saved.position == MOST and fetched.count(saved.number) == 2 * MOST)
        await asyncio.sleep(0.1)
        assert (saved.position, fetched.count(saved.number)) == (MOST, 2 * MOST)
    finally:
        going_on.set()
    await until(lambda: saved.position == EACH)


async def test_no_two_partitions_are_saved_at_the_same_moment(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    step_s = worker._settings.save_interval_ms / 1000 / N_PARTITIONS / 10
    due = list[dict[int, int]]()
    for tick in range(10 * N_PARTITIONS + 1):
        monkeypatch.setattr("menshen.detect.worker._now_s", lambda at=1000.001 + tick * step_s: at)
        due.append({number: worker._save_due(number) for number in SUBJECTS})
    moments = [n for n in SUBJECTS for before, now in itertools.pairwise(due) if now[n] > before[n]]
    ticks = [{n for n in SUBJECTS if now[n] > before[n]} for before, now in itertools.pairwise(due)]
    assert sorted(moments) == sorted(SUBJECTS)
    assert max(map(len, ticks)) == 1


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
