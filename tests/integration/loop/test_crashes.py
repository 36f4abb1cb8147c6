"""A crash at each place loses nothing and repeats nothing: what was begun is ended as it was begun."""

import pytest
from tests.integration.loop.world import SUBJECT, Clock, Crash, World, checkpoint, login

from menshen.contract.topics import ASSESSMENTS, VERDICTS
from menshen.fraud.subject import pack
from menshen.shell.redis.store import Shared


@pytest.mark.parametrize(
    ("fault", "topic"),
    [
        ("dies_before", ASSESSMENTS),
        ("dies_after", ASSESSMENTS),
        ("dies_before", VERDICTS),
        ("dies_after", VERDICTS),
    ],
)
async def test_a_crash_while_publishing_loses_nothing_and_repeats_nothing(world: World, fault: str, topic: str) -> None:
    await world.send(login("e1"), checkpoint("e2"), login("e3", device_id="laptop"))
    setattr(world.publisher, fault, topic)
    with pytest.raises(Crash):
        await world.judge(await world.claim())
    setattr(world.publisher, fault, "")
    await world.judge(await world.claim())
    assert [a.event_id for a in await world.assessments()] == ["e1", "e2", "e3"]
    assert [v.event_id for v in await world.verdicts()] == ["e1", "e2", "e3"]


async def test_a_crash_before_the_save_gives_the_same_state_as_none(world: World) -> None:
    await world.send(login("e1"), login("e2", device_id="laptop"), checkpoint("e3"))
    first = await world.claim()
    await world.judge(first)
    second = await world.claim()
    await world.judge(second, 2)
    assert pack(second.subjects[SUBJECT]) == pack(first.subjects[SUBJECT])
    await world.loop.save(second)
    third = await world.claim()
    assert third.position == 3
    assert third.journal == {}


async def test_what_was_observed_before_a_crash_stands_though_others_were_seen_since(world: World) -> None:
    await world.send(login("e1"))
    world.publisher.dies_before = ASSESSMENTS
    with pytest.raises(Crash):
        await world.judge(await world.claim())
    world.publisher.dies_before = ""
    await world.store.observe([Shared("d", "phone", Clock.at_ms, f"other {i}") for i in range(9)])
    await world.judge(await world.claim())
    assert [a.observed.device_subjects_1h for a in await world.assessments()] == [1]


async def test_what_was_observed_for_a_published_event_stands_though_the_intent_is_gone(world: World) -> None:
    await world.send(login("e1"))
    await world.judge(await world.claim())
    await world.send(login("e2"))
    second = await world.claim()
    await world.judge(second, 1)
    await world.store.observe([Shared("d", "phone", Clock.at_ms, f"other {i}") for i in range(9)])
    third = await world.claim()
    await world.judge(third, 1)
    assert pack(third.subjects[SUBJECT]) == pack(second.subjects[SUBJECT])
    assert [a.observed.device_subjects_1h for a in await world.assessments()] == [1, 1]


async def test_a_batch_has_exactly_the_range_of_the_intent_that_is_stored_for_it(world: World) -> None:
    await world.send(*(login(f"e{i}") for i in range(4)))
    world.publisher.dies_before = ASSESSMENTS
    with pytest.raises(Crash):
        await world.judge(await world.claim(), 3)
    world.publisher.dies_before = ""
    owned = await world.claim()
    ranges = [len(batch) async for batch in world.batches(owned, 2)]
    assert ranges == [3, 1]
    assert [a.event_id for a in await world.assessments()] == ["e0", "e1", "e2", "e3"]
