"""What Redis or the log lost is made anew where the other still has it, and is never passed over in silence."""

from typing import Any

import pytest
from redis.asyncio import Redis
from tests.integration.loop.world import N_PARTITIONS, PARTITION, World, cut_log, empty_redis, login
from tests.servers.kafka import Kafka

from menshen.contract.routing import partition_of
from menshen.detect.ownership.gaps import Gap, find_gaps
from menshen.shell.embedded.servers import EmbeddedValkey, free_port
from menshen.shell.errors import Refusal, Stale, Unavailable
from menshen.shell.redis.store import Shared


async def test_a_redis_that_lost_everything_is_rebuilt_from_the_log(world: World, redis_url: str, tenant: str) -> None:
    await world.send(login("e1"), login("e2", device_id="laptop"))
    first = await world.claim()
    await world.judge(first)
    await world.loop.save(first)
    await empty_redis(redis_url, tenant)
    await world.send(login("e3", device_id="tablet"))
    with pytest.raises(Stale):
        await world.judge(first)
    second = await world.claim()
    await world.judge(second)
    found = await world.assessments()
    assert [a.event_id for a in found] == ["e1", "e2", "e3"]
    assert [reason.code for reason in found[-1].reasons] == ["NEW_DEVICE"]


async def test_a_partition_whose_log_was_cut_beyond_the_state_is_degraded(
    world: World, fresh_topics: Kafka, redis_url: str, tenant: str
) -> None:
    await world.send(login("e1"), login("e2"))
    owned = await world.claim()
    await world.judge(owned)
    await world.loop.save(owned)
    await cut_log(fresh_topics, 2)
    assert (await world.claim()).position == 2
    await empty_redis(redis_url, tenant)
    with pytest.raises(Refusal, match=r"DEGRADED.* begins only at 2"):
        await world.claim()
    assert await find_gaps(world.settings, accept=False) == [Gap(PARTITION, 0, 2)]
    assert await find_gaps(world.settings, accept=True) == [Gap(PARTITION, 0, 2)]
    assert await find_gaps(world.settings, accept=False) == []
    await world.send(login("e3"))
    await world.judge(await world.claim())
    assert [a.event_id for a in await world.assessments()] == ["e1", "e2", "e3"]


async def test_what_was_accepted_makes_the_owner_claim_anew_and_no_state_is_set_back(world: World) -> None:
    owned = await world.claim()
    await world.store.accept(PARTITION, 4)
    await world.send(login("e1"))
    with pytest.raises(Stale):
        await world.judge(owned)
    await world.store.accept(PARTITION, 2)
    assert await world.store.mark(PARTITION) == 4


async def test_shared_entries_that_a_server_lost_are_added_again_before_the_next_observation(
    fresh_topics: Kafka, tenant: str, tmp_path: Any
) -> None:
    port = free_port()
    async with World(fresh_topics, f"redis://127.0.0.1:{port}/0", tenant) as world:
        with EmbeddedValkey(tmp_path, port=port):
            await world.send(login("e1"))
            owned = await world.claim()
            await world.judge(owned)
            await world.loop.save(owned)
            async with Redis.from_url(world.settings.redis_url.get_secret_value()) as client:
                lost = [key async for key in client.scan_iter("*:shared:*")]
                await client.delete(*lost)
        with EmbeddedValkey(tmp_path, port=port):
            other = next(n for n in map(str, range(100)) if partition_of(n.encode(), N_PARTITIONS) == PARTITION)
            await world.send(login("e2", subject_id=other))
            # Whoever asks first gets the broken connection; here it is not the loop, which would notice nothing.
            with pytest.raises(Unavailable):
                await world.store.observe([Shared("d", "another", 1, "somebody else")])
            with pytest.raises(Stale, match="started anew"):
                await world.judge(owned)
            await world.judge(await world.claim())
        assert [a.observed.device_subjects_1h for a in await world.assessments()] == [1, 2]
