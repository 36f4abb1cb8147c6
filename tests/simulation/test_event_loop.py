"""What the simulated time and the simulated processes promise: everything else in here stands on it."""

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

import pytest
from tests.simulation.event_loop import OUTSIDE, Process, Standstill, VirtualLoop

Scene = Callable[[Process, list[str]], Coroutine[Any, Any, None]]


def seen(scene: Scene, seed: int = 0) -> list[str]:
    """Play a scene with one process that ticks each second and says when it ends, and return what was said."""
    loop, process, said = VirtualLoop(Random(seed)), Process("p"), list[str]()
    loop.run_until_complete(_played(scene, process, said))
    heard = list(said)
    loop.bury()
    return heard


async def _played(scene: Scene, process: Process, said: list[str]) -> None:
    asyncio.get_running_loop().create_task(_ticking(said), context=process.context.copy())
    await scene(process, said)


async def _ticking(said: list[str]) -> None:
    try:
        while True:
            await asyncio.sleep(1.0)
            said.append(f"{asyncio.get_running_loop().time():.0f}")
    finally:
        said.append("cleaned up")


def test_time_jumps_and_nothing_waits() -> None:
    async def for_a_day(process: Process, said: list[str]) -> None:
        await asyncio.sleep(5.5)
        process.state = "stopped"
        await asyncio.sleep(86_400)

    assert seen(for_a_day) == ["1", "2", "3", "4", "5"]


def test_a_stopped_process_does_what_it_missed_when_it_goes_on() -> None:
    async def stopped_and_resumed(process: Process, said: list[str]) -> None:
        await asyncio.sleep(1.5)
        process.state = "stopped"
        await asyncio.sleep(5.0)
        said.append("goes on")
        process.state = "runs"
        asyncio.get_running_loop().go_on(process)  # type: ignore[attr-defined]
        await asyncio.sleep(1.7)

    assert seen(stopped_and_resumed) == ["1", "goes on", "6", "8"]


def test_a_dead_process_cleans_nothing_up() -> None:
    async def killed(process: Process, said: list[str]) -> None:
        await asyncio.sleep(1.5)
        process.state = "dead"
        await asyncio.sleep(100.0)

    assert seen(killed) == ["1"]


def test_what_is_ready_comes_in_an_order_of_the_seed() -> None:
    async def race(_: Process, said: list[str]) -> None:
        loop = asyncio.get_running_loop()
        for runner in "abcdef":
            loop.call_soon(said.append, runner, context=OUTSIDE)
        await asyncio.sleep(0.5)

    orders = ["".join(seen(race, seed)) for seed in range(4)]
    assert {"".join(sorted(order)) for order in orders} == {"abcdef"}
    assert len(set(orders)) == 4
    assert orders[0] == "".join(seen(race, 0))


def test_who_waits_for_nothing_is_told_so() -> None:
    loop = VirtualLoop(Random(0))
    with pytest.raises(Standstill):
        loop.run_until_complete(asyncio.Event().wait())
    loop.bury()


def test_an_error_that_nobody_asked_for_is_heard() -> None:
    async def fails() -> None:
        raise ZeroDivisionError

    async def does_not_ask() -> None:
        asyncio.get_running_loop().create_task(fails())
        await asyncio.sleep(1.0)

    loop = VirtualLoop(Random(0))
    loop.run_until_complete(does_not_ask())
    assert [error for error in loop.unheard() if "ZeroDivisionError" in error]
    loop.bury()
