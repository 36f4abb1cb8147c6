"""An event that ends its worker each time is put aside in the end, and those around it are judged."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from tests.integration.loop.world import PARTITION, SUBJECT, World, login

from menshen.contract.decoding import encode_event
from menshen.contract.topics import ASSESSMENTS, DEAD_LETTERS
from menshen.detect.ownership import audit
from menshen.detect.ownership.audit import Audit, Audited
from menshen.detect.ownership.partition import MOST_FAILURES
from menshen.fraud.detector import Reading
from menshen.fraud.detectors import DETECTORS
from menshen.fraud.sighting import Sighting
from menshen.fraud.subject import unpack
from menshen.shell.errors import StepFailed


async def test_an_event_that_cannot_be_stepped_goes_to_the_dead_letters_the_fourth_time(world: World) -> None:
    await world.send(login("e1"), login("poison"), login("e3"))
    await blamed_three_times(world)
    assert await world.log(ASSESSMENTS) == []
    await world.judge(await world.claim())
    assert [a.event_id for a in await world.assessments()] == ["e1", "e3"]
    (letter,) = await world.log(DEAD_LETTERS)
    assert letter.value == encode_event(login("poison"))
    assert dict(letter.headers)["reason"] == b"QUARANTINED"


async def test_several_such_events_in_one_batch_all_go_to_the_dead_letters(world: World) -> None:
    await world.send(login("e1"), login("poison"), login("e3"), login("poison-2"), login("e5"))
    break_at_poison(world)
    for _ in range(2 * MOST_FAILURES):
        owned = await world.claim()
        with pytest.raises(StepFailed) as failed:
            await world.judge(owned)
        await world.loop.blame(owned, failed.value)
    await world.judge(await world.claim())
    assert [a.event_id for a in await world.assessments()] == ["e1", "e3", "e5"]
    letters = await world.log(DEAD_LETTERS)
    assert [letter.value for letter in letters] == [encode_event(login(name)) for name in ("poison", "poison-2")]


async def test_who_had_such_an_event_is_audited_as_everybody_else(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "LOOK_S", 0.05)
    monkeypatch.setattr(audit, "EVENTS_BETWEEN", 3)
    await world.send(login("e1"))
    owned = await world.claim()
    await world.judge(owned)
    await world.loop.save(owned)
    await world.send(login("e2"), login("poison"), login("e3"))
    await blamed_three_times(world)
    owned = await world.claim()
    saved = await world.store.look(PARTITION, [SUBJECT])
    owned.remember(SUBJECT, unpack(saved.blobs[SUBJECT] or b""), changed=False)
    auditing = asyncio.create_task(Audit(world.store, world.reader, world.rulebook).audit(owned))
    await asyncio.sleep(0.02)
    await world.judge(owned)
    await world.loop.save(owned)
    assert await auditing == Audited(subjects=1, events=2, differ=[])


async def blamed_three_times(world: World) -> None:
    break_at_poison(world)
    for _ in range(MOST_FAILURES):
        owned = await world.claim()
        with pytest.raises(StepFailed) as failed:
            await world.judge(owned)
        await world.loop.blame(owned, failed.value)


def break_at_poison(world: World) -> None:
    """Have every event raise that is called so."""
    rules = world.rulebook.current
    world.rulebook.current = replace(rules, detectors=(*rules.detectors, _Broken()))


class _Broken(type(DETECTORS[0])):  # type: ignore[misc]
    name = "broken"
    features = ()

    def step(self, state: Any, sighting: Sighting, /) -> Any:
        if sighting.event.event_id.startswith("poison"):
            raise ZeroDivisionError
        return Reading(super().step(state, sighting).state)
