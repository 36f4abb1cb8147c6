"""What a batch leaves in the log: an assessment an event, verdicts that can be checked, letters for the rest."""

import asyncio
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
from tests.integration.loop.world import N_PARTITIONS, PARTITION, SUBJECT, World, checkpoint, location, login

from menshen.contract.decoding import encode_event
from menshen.contract.routing import partition_of
from menshen.contract.topics import DEAD_LETTERS, VERDICTS
from menshen.demo.places import BEIJING, write_base
from menshen.detect.loop import EVENTS_AT_A_STRETCH
from menshen.detect.ownership.partition import Partition
from menshen.detect.portion import Portion
from menshen.shell import metrics
from menshen.shell.errors import Unavailable

COUNTED = "menshen_detect_events_total"


async def test_a_batch_leaves_one_assessment_an_event_and_a_verdict_at_each_decision_point(world: World) -> None:
    await world.send(login("e1"), checkpoint("e2"), b"broken", login("e3", device_id="laptop"))
    await world.judge(await world.claim())
    assert [a.event_id for a in await world.assessments()] == ["e1", "e2", "e3"]
    assert [(v.event_id, v.kind) for v in await world.verdicts()] == [("e1", "login"), ("e2", "gate"), ("e3", "login")]
    assert [letter.value for letter in await world.log(DEAD_LETTERS)] == [b"broken"]


async def test_what_names_an_application_is_signed_over_its_exact_bytes(world: World) -> None:
    await world.send(login("e1"), checkpoint("e2"))
    await world.judge(await world.claim())
    unsigned, signed = await world.log(VERDICTS)
    assert unsigned.headers == ()
    world.keys.verify(signed.value, signed.headers)


async def test_an_event_that_comes_again_has_one_assessment_and_with_another_content_none(world: World) -> None:
    owned = await world.claim()
    await world.send(login("e1"), login("e1"), login("e1", method="otp"))
    await world.judge(owned)
    await world.send(login("e1"), login("e2"))
    await world.judge(owned)
    assert [a.event_id for a in await world.assessments()] == ["e1", "e2"]
    (letter,) = await world.log(DEAD_LETTERS)
    assert dict(letter.headers)["reason"] == b"ID_REUSE"
    assert letter.value == encode_event(login("e1", method="otp"))


async def test_what_a_base_knows_of_an_address_is_observed_and_nothing_without_a_base(
    world: World, tmp_path: Path
) -> None:
    base = tmp_path / "places.mmdb"
    write_base(base)
    owned = await world.claim()
    await world.send(login("e1", ip=BEIJING.address(1)))
    await world.judge(owned)
    world.locates(base)
    await world.send(login("e2", ip=BEIJING.address(1)), login("e3", ip="8.8.8.8"), login("e4"))
    await world.judge(owned)
    places = [assessment.observed.ip_place for assessment in await world.assessments()]
    assert [place and place.latitude_deg for place in places] == [None, BEIJING.latitude_deg, None, None]


async def test_each_record_is_counted_once_by_what_became_of_it(world: World) -> None:
    before = counted()
    world.sheds(1)
    await world.send(login("e1"), login("e2"), login("e3"), login("e1"), b"broken", b"{}", location("e4"))
    await world.judge(await world.claim())
    assert counted() - before == {"judged": 3, "known": 1, "rejected": 2, "shed": 1}


async def test_records_stand_in_the_order_of_the_log_though_subjects_are_judged_side_by_side(world: World) -> None:
    (other,) = others(1)
    await world.send(login("e1"), login("e2"), login("e3", subject_id=other), login("e4"))
    await world.judge(await world.claim())
    assert [a.event_id for a in await world.assessments()] == ["e1", "e2", "e3", "e4"]
    assert [v.event_id for v in await world.verdicts()] == ["e1", "e2", "e3", "e4"]


@pytest.mark.parametrize("n_subjects", [1, 200])
async def test_others_have_their_turn_while_a_long_batch_is_judged(world: World, n_subjects: int) -> None:
    n_events = 200
    names = [SUBJECT, *others(n_subjects - 1)]
    await world.send(*[login(f"e{n}", subject_id=names[n % n_subjects]) for n in range(n_events)])
    owned = await world.claim()
    (portion,) = await opened(world, owned)
    n_turns, judging = 0, asyncio.create_task(world.loop._step([portion]))
    while not judging.done():
        await asyncio.sleep(0)
        n_turns += 1
    await judging
    assert len(portion.judged) == n_events
    assert n_turns > n_events // EVENTS_AT_A_STRETCH


async def opened(world: World, owned: Partition) -> list[Portion]:
    """Return what waits in the log as it comes to be judged."""
    portions = list[Portion]()
    step = world.loop._step

    async def caught(given: list[Portion]) -> None:
        portions.extend(given)
        raise Unavailable("this test steps by itself")

    world.loop._step = caught  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        await world.judge(owned)
    world.loop._step = step  # type: ignore[method-assign]
    return portions


def counted() -> Counter[str]:
    """Return the records that were counted so far, by fate."""
    fates = ("judged", "known", "rejected", "shed")
    values = {fate: metrics.REGISTRY.get_sample_value(COUNTED, {"fate": fate}) for fate in fates}
    return Counter({fate: int(value or 0) for fate, value in values.items()})


def others(n: int) -> list[str]:
    """Return the names of so many other subjects on the same partition."""
    names = (str(number) for number in range(100_000))
    return list(islice((name for name in names if partition_of(name.encode(), N_PARTITIONS) == PARTITION), n))


async def test_two_subjects_may_use_one_event_id(world: World) -> None:
    (other,) = others(1)
    await world.send(login("e1"))
    await world.judge(await world.claim())
    await world.send(login("e1", subject_id=other))
    await world.judge(await world.claim())
    assert [a.subject_id for a in await world.assessments()] == [SUBJECT, other]
