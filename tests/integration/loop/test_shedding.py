"""What is shed under a flood is written down: it counts once, and whoever judges it again passes it over as well."""

import pytest
from tests.integration.loop.world import SUBJECT, Crash, World, checkpoint, location, login

from menshen.contract.topics import ASSESSMENTS
from menshen.fraud.subject import pack


async def _shed(world: World) -> dict[str, bool]:
    return {a.event_id: a.observed.shed for a in await world.assessments()}


async def test_old_telemetry_is_shed_and_what_asks_or_answers_never_is(world: World) -> None:
    world.sheds(1)
    await world.send(login("e1"), location("e2"), checkpoint("e3"))
    await world.judge(await world.claim())
    assert await _shed(world) == {"e1": False, "e2": True, "e3": False}
    assert [v.event_id for v in await world.verdicts()] == ["e1", "e3"]


async def test_what_is_young_is_not_shed(world: World) -> None:
    world.sheds(3_600_000)
    await world.send(location("e1"))
    await world.judge(await world.claim())
    assert await _shed(world) == {"e1": False}


async def test_a_shed_event_that_comes_again_is_known(world: World) -> None:
    world.sheds(1)
    await world.send(location("e1"))
    await world.judge(await world.claim())
    world.sheds(0)
    await world.send(location("e1"))
    await world.judge(await world.claim())
    assert await _shed(world) == {"e1": True}


async def test_what_was_shed_before_a_crash_is_shed_by_the_next_owner_though_it_sheds_nothing(world: World) -> None:
    world.sheds(1)
    await world.send(location("e1"), checkpoint("e2"))
    first = await world.claim()
    await world.judge(first)
    world.sheds(0)
    second = await world.claim()
    await world.judge(second)
    assert await _shed(world) == {"e1": True, "e2": False}
    assert pack(second.subjects[SUBJECT]) == pack(first.subjects[SUBJECT])


async def test_what_was_to_be_shed_when_a_worker_crashed_is_shed_though_nothing_is_published(world: World) -> None:
    world.sheds(1)
    await world.send(location("e1"))
    world.publisher.dies_before = ASSESSMENTS
    with pytest.raises(Crash):
        await world.judge(await world.claim())
    world.publisher.dies_before = ""
    world.sheds(0)
    await world.judge(await world.claim())
    assert await _shed(world) == {"e1": True}


async def test_what_was_judged_before_a_crash_is_not_shed_though_it_is_old_by_then(world: World) -> None:
    await world.send(location("e1"))
    await world.judge(await world.claim())
    world.sheds(1)
    owned = await world.claim()
    await world.judge(owned)
    await world.loop.save(owned)
    assert await _shed(world) == {"e1": False}
    assert owned.subjects[SUBJECT].visits
