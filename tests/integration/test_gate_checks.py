"""Every check on the way to the money is taken out once: the judge must see it, or another layer must hold by name."""

from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest
from tests.gate.scenes import SCENES, prepared, violations
from tests.gate.taking_out import LAYERS, take_out
from tests.gate.world import World, world
from tests.servers.standins import Standins

from menshen.contract.opening import CHECKS
from menshen.onboard import sender


@pytest.fixture(scope="module")
def standins() -> Iterator[Standins]:
    with Standins() as running:
        yield running


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENES)
async def test_taking_out_a_check_is_seen(
    name: str, standins: Standins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any one of a scene's layers holds the money alone; without all of them it moves, and the judge says so."""
    layers = SCENES[name][1]
    async with world(f"sqlite:///{tmp_path / 'gate.db'}", standins, tenant=uuid4().hex[:8]) as empty:
        monkeypatch.setattr(sender, "clock_ms", empty.office.clock)
        here, draws = await prepared(empty), (f"w{n}" for n in count(1))
        for kept in layers:
            assert await without(here, name, next(draws), set(layers) - {kept}) == [], kept
        assert len(await without(here, name, next(draws), layers)) == 1


async def without(here: World, name: str, draw_id: str, layers: Iterable[str]) -> list[str]:
    with pytest.MonkeyPatch.context() as patch:
        take_out(layers, patch)
        return await violations(here, name, draw_id)


def test_every_check_and_every_layer_is_taken_out() -> None:
    taken_out = {layer for _, layers in SCENES.values() for layer in layers}
    assert taken_out == {*map(str, CHECKS), *LAYERS}
