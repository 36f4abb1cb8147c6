"""What is shed under a flood is written down, a record a batch: whoever judges the log again passes over the same."""

import pytest
from tests.integration.loop.world import PARTITION, SUBJECT, Crash, World, checkpoint, location, login

from menshen.contract.assessment import Shed
from menshen.contract.topics import ASSESSMENTS
from menshen.detect.ownership.partition import Partition
from menshen.fraud.subject import NOBODY, pack
from menshen.shell.kafka.clients import Outgoing, Publisher

FOREVER_MS = 3_600_000


async def _judged(world: World) -> list[str]:
    return [assessment.event_id for assessment in await world.assessments()]


async def _shed(world: World) -> list[int]:
    """Return the offsets that the log says were shed, again and again if it does."""
    return [offset for shed in await world.shed() for offset in shed.offsets()]


async def test_old_telemetry_is_shed_and_what_asks_or_answers_never_is(world: World) -> None:
    world.sheds(1)
    await world.send(login("e1"), location("e2"), location("e3"), checkpoint("e4"), location("e5"))
    await world.judge(await world.claim())
    assert await world.shed() == [Shed(n_shed=3, runs=((1, 2), (4, 4)))]
    assert await _judged(world) == ["e1", "e4"]
    assert [v.event_id for v in await world.verdicts()] == ["e1", "e4"]


async def test_it_is_written_before_what_was_judged_so_that_who_knows_of_one_knows_of_both(world: World) -> None:
    world.sheds(1)
    await world.send(login("e1"), location("e2"))
    await world.judge(await world.claim())
    assert [record.key for record in await world.log(ASSESSMENTS)] == [None, SUBJECT.encode()]


async def test_what_is_young_is_not_shed(world: World) -> None:
    world.sheds(FOREVER_MS)
    await world.send(location("e1"))
    await world.judge(await world.claim())
    assert (await _judged(world), await world.shed()) == (["e1"], [])


async def test_nothing_is_learned_from_what_is_shed_and_it_is_judged_if_it_comes_again(world: World) -> None:
    world.sheds(1)
    await world.send(location("e1"))
    owned = await world.claim()
    await world.judge(owned)
    await world.loop.save(owned)
    assert owned.subjects.get(SUBJECT, NOBODY) == NOBODY
    world.sheds(0)
    await world.send(location("e1"))
    await world.judge(owned)
    assert ([a.offset for a in await world.assessments()], await _shed(world)) == ([1], [0])


async def test_what_was_shed_before_a_crash_is_shed_by_the_next_owner_though_it_sheds_nothing(world: World) -> None:
    world.sheds(1)
    await world.send(location("e1"), checkpoint("e2"))
    first = await world.claim()
    await world.judge(first)
    world.sheds(0)
    second = await world.claim()
    await world.judge(second)
    assert (await _shed(world), await _judged(world)) == ([0], ["e2"])
    assert pack(second.subjects[SUBJECT]) == pack(first.subjects[SUBJECT])


async def test_what_was_to_be_shed_when_a_worker_crashed_is_shed_though_nothing_is_published(world: World) -> None:
    world.sheds(1)
    await world.send(location("e1"), login("e2"))
    world.publisher.dies_before = ASSESSMENTS
    with pytest.raises(Crash):
        await world.judge(await world.claim())
    world.publisher.dies_before = ""
    world.sheds(0)
    await world.judge(await world.claim())
    assert (await _shed(world), await _judged(world)) == ([0], ["e2"])


async def test_what_was_to_be_judged_when_a_worker_crashed_is_judged_though_it_is_old_by_then(world: World) -> None:
    await world.send(location("e1"), login("e2"))
    world.publisher.dies_before = ASSESSMENTS
    with pytest.raises(Crash):
        await world.judge(await world.claim())
    world.publisher.dies_before = ""
    world.sheds(1)
    await world.judge(await world.claim())
    assert (await _shed(world), await _judged(world)) == ([], ["e1", "e2"])


async def test_what_was_judged_before_a_crash_is_not_shed_though_it_is_old_by_then(world: World) -> None:
    await world.send(location("e1"))
    await world.judge(await world.claim())
    world.sheds(1)
    owned = await world.claim()
    await world.judge(owned)
    await world.loop.save(owned)
    assert (await _shed(world), await _judged(world)) == ([], ["e1"])
    assert owned.subjects[SUBJECT].visits


async def _said(world: World, owned: Partition, *records: Outgoing) -> None:
    """Write to the log of assessments what another owner could have written, unknown to this one."""
    await Publisher.publish(world.publisher, ASSESSMENTS, PARTITION, records)
    owned.published_end += len(records)


async def test_of_an_assessment_and_a_word_that_the_event_was_shed_the_first_one_counts(world: World) -> None:
    await world.send(location("e1"), location("e2"))
    first = await world.claim()
    await _said(world, first, Outgoing(None, b'{"n_shed":1,"runs":[[0,0]]}'))
    await world.judge(first)
    await _said(world, first, Outgoing(None, b'{"n_shed":2,"runs":[[0,1]]}'))
    second = await world.claim()
    assert (second.shed, second.judged, [*second.journal]) == ({0: 0}, {1}, [(SUBJECT, "e2")])


async def test_a_snapshot_says_where_the_next_owner_finds_what_was_shed_behind_it(world: World) -> None:
    world.sheds(1)
    await world.send(location("e1"), location("e2"))
    await world.judge(await world.claim(), n=1)
    # Redis knows of nothing yet; the next owner saves after one of the two.
    owned = await world.claim()
    async for _ in world.batches(owned, 1):
        await world.loop.save(owned)
        break
    third = await world.claim()
    assert (third.position, third.shed) == (1, {1: 1})
