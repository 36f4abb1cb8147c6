"""Who takes a partition over, with what rules, and from what state: one owner, and none where the two disagree."""

from dataclasses import replace

import msgspec
import pytest
from redis.asyncio import Redis
from tests.integration.loop.world import PARTITION, World, login

from menshen.contract.topics import ASSESSMENTS
from menshen.shell.errors import Refusal, Stale


async def test_an_owner_with_other_rules_does_not_answer_again(world: World) -> None:
    await world.send(login("e1"), login("e2", device_id="laptop"))
    await world.judge(await world.claim())
    rules = world.rulebook.current
    world.rulebook.current = replace(rules, policy=msgspec.structs.replace(rules.policy, version="newer"))
    await world.send(login("e3"))
    second = await world.claim()
    await world.judge(second, 2)
    assert [(v.event_id, v.versions.policy) for v in await world.verdicts()] == [
        ("e1", "default-1"),
        ("e2", "default-1"),
        ("e3", "newer"),
    ]


async def test_a_zombie_publishes_nothing_and_saves_nothing(world: World) -> None:
    zombie = await world.claim()
    await world.claim()
    await world.send(login("e1"))
    with pytest.raises(Stale):
        await world.judge(zombie)
    assert await world.log(ASSESSMENTS) == []


async def test_an_owner_that_a_loss_has_brought_back_notices_what_another_published(
    world: World, redis_url: str, tenant: str
) -> None:
    revived = await world.claim()
    await world.send(login("e1"))
    await world.judge(await world.claim())
    async with Redis.from_url(redis_url) as client:
        # All that the other has written is lost.
        await client.hset(f"{{{tenant}:{PARTITION}}}:slot", "owner", revived.claim.token)
        await client.hdel(f"{{{tenant}:{PARTITION}}}:slot", "first", "last", "intent")
    with pytest.raises(Stale, match=f"{ASSESSMENTS} has records from 0 on that this worker does not know"):
        await world.judge(revived)


async def test_another_number_of_partitions_than_the_state_was_begun_with_is_refused(world: World) -> None:
    await world.claim()
    with pytest.raises(Refusal, match="has 8 partitions, and had 6"):
        await world.takeover.claim(PARTITION, 8)
    await world.claim()


async def test_a_state_that_is_ahead_of_its_log_is_refused(world: World, redis_url: str, tenant: str) -> None:
    await world.send(login("e1"))
    owned = await world.claim()
    await world.judge(owned)
    await world.loop.save(owned)
    async with Redis.from_url(redis_url) as client:
        await client.hset(f"{{{tenant}:{PARTITION}}}:slot", "mark", 9)
    with pytest.raises(Refusal, match="already ends at 1"):
        await world.claim()
