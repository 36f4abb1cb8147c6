"""An event that ends its worker each time is put aside in the end, and those around it are judged."""

from dataclasses import replace
from typing import Any

import pytest
from tests.integration.loop.world import World, login

from menshen.contract.decoding import encode_event
from menshen.contract.topics import ASSESSMENTS, DEAD_LETTERS
from menshen.fraud.detector import Reading
from menshen.fraud.detectors import DETECTORS
from menshen.shell.errors import StepFailed


async def test_an_event_that_cannot_be_stepped_goes_to_the_dead_letters_the_fourth_time(world: World) -> None:
    await world.send(login("e1"), login("poison"), login("e3"))
    rules = world.rulebook.current
    world.rulebook.current = replace(rules, detectors=(*rules.detectors, _Broken()))
    for _ in range(3):
        owned = await world.claim()
        with pytest.raises(StepFailed) as failed:
            await world.judge(owned)
        await world.loop.blame(owned, failed.value)
    assert await world.log(ASSESSMENTS) == []
    await world.judge(await world.claim())
    assert [a.event_id for a in await world.assessments()] == ["e1", "e3"]
    (letter,) = await world.log(DEAD_LETTERS)
    assert letter.value == encode_event(login("poison"))
    assert dict(letter.headers)["reason"] == b"QUARANTINED"


class _Broken(type(DETECTORS[0])):  # type: ignore[misc]
    name = "broken"
    features = ()

    def step(self, state: Any, sighting: Any, /) -> Any:
        if sighting.event.event_id == "poison":
            raise ZeroDivisionError
        return Reading(super().step(state, sighting).state)
