"""The audit: what is saved must be what a recount of the log gives, and whatever else is there is named."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from msgspec import json
from redis.asyncio import Redis
from tests.integration.loop.world import PARTITION, SUBJECT, World, checkpoint, location, login

from menshen.contract.topics import ASSESSMENTS
from menshen.detect.ownership import audit
from menshen.detect.ownership.audit import Audit, Audited
from menshen.detect.ownership.partition import Partition
from menshen.fraud.subject import NOBODY, pack
from menshen.shell.kafka.clients import Outgoing, Publisher
from menshen.shell.redis.store import Held


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "LOOK_S", 0.05)
    monkeypatch.setattr(audit, "LONGEST_S", 1.0)
    monkeypatch.setattr(audit, "EVENTS_BETWEEN", 1)


class WatchedAudit(Audit):
    """Says when it has looked for the first time."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.has_looked = asyncio.Event()

    async def _second_look(self, *where: Any) -> Held:
        self.has_looked.set()
        return await super()._second_look(*where)


async def begun(world: World) -> tuple[Partition, "asyncio.Task[Audited | None]"]:
    """Return a partition that has been looked at for the first time, and the audit that goes on."""
    owned = await world.claim()
    await world.send(login("e1"))
    await judge_and_save(world, owned)
    watched = WatchedAudit(world.store, world.reader, world.rulebook)
    auditing = asyncio.create_task(watched.audit(owned))
    await watched.has_looked.wait()
    return owned, auditing


async def judge_and_save(world: World, owned: Partition) -> None:
    await world.judge(owned)
    await world.loop.save(owned)


async def test_what_was_judged_is_what_the_log_gives(world: World) -> None:
    owned, auditing = await begun(world)
    await world.send(login("e2", device_id="laptop"), login("e2", device_id="laptop"), b"broken", checkpoint("e3"))
    await judge_and_save(world, owned)
    assert await auditing == Audited(subjects=1, events=3, differ=[])


async def test_what_was_shed_is_not_counted_again(world: World) -> None:
    owned, auditing = await begun(world)
    world.sheds(1)
    await world.send(location("e2"), login("e3", device_id="laptop"))
    await judge_and_save(world, owned)
    assert await auditing == Audited(subjects=1, events=1, differ=[])


async def test_a_blob_that_was_changed_is_named(world: World, redis_url: str) -> None:
    _, auditing = await begun(world)
    await world.send(login("e2", device_id="laptop"))
    async with Redis.from_url(redis_url) as client:
        await client.set(world.store._subject(PARTITION, SUBJECT), pack(NOBODY))
        await client.hset(world.store._slot(PARTITION), "mark", 1)
    assert await auditing == Audited(subjects=1, events=1, differ=[SUBJECT])


async def test_a_blob_that_is_gone_is_named_though_nothing_came_for_it(world: World, redis_url: str) -> None:
    _, auditing = await begun(world)
    await world.send(b"broken")
    async with Redis.from_url(redis_url) as client:
        await client.delete(world.store._subject(PARTITION, SUBJECT))
        await client.hset(world.store._slot(PARTITION), "mark", 1)
    assert await auditing == Audited(subjects=1, events=0, differ=[SUBJECT])


async def test_a_record_that_another_owner_published_first_is_what_counts(world: World) -> None:
    owned, auditing = await begun(world)
    first = (await world.log(ASSESSMENTS))[0]
    foreign = json.decode(first.value) | {"event_id": "e2", "offset": 1, "observed": {"device_subjects_1h": 40}}
    await Publisher.publish(world.publisher, ASSESSMENTS, PARTITION, [Outgoing(SUBJECT.encode(), json.encode(foreign))])
    # As if the broker had not said where it put the records: the owner cannot see that one came in between.
    owned.published_end += 1
    await world.send(login("e2"))
    await judge_and_save(world, owned)
    assert await auditing == Audited(subjects=1, events=1, differ=[SUBJECT])


async def test_nothing_is_said_where_another_owner_or_other_rules_have_judged(world: World) -> None:
    _, auditing = await begun(world)
    await world.send(login("e2"))
    await judge_and_save(world, await world.claim())
    assert await auditing is None
    owned, auditing = await begun(world)
    world.rulebook.current = replace(world.rulebook.current)
    await world.send(login("e3"))
    await judge_and_save(world, owned)
    assert await auditing is None


async def test_nothing_is_said_while_nothing_is_judged(world: World) -> None:
    _, auditing = await begun(world)
    assert await auditing is None
