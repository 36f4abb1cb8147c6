"""What lies between a process and a server: time, and whatever can befall a request and its answer."""

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from random import Random
from typing import Any, Protocol, TypeVar

from tests.simulation.event_loop import OUTSIDE, PROCESS, Process

R = TypeVar("R")
SLOWEST_MS = 4.0


class Fate(Enum):
    """What becomes of a call."""

    ANSWERED = auto()
    REQUEST_LOST = auto()
    REPLY_LOST = auto()
    LATE = auto()
    """The caller gives up; the server does it all the same, some time later."""


class Weather(Protocol):
    """What the wire asks at each step of a call."""

    def strike(self, process: Process | None, what: str) -> None:
        """Let happen what happens here: to the process, to the servers."""

    def fate(self, what: str) -> tuple[Fate, float]:
        """Return what becomes of a call, and how many ms later an effect comes that is late."""


class Wire:
    """Carries calls. An effect happens in the server, at once and as a whole, whether its caller still lives or not."""

    def __init__(self, chance: Random, weather: Weather, tell: Callable[[str, str], None]) -> None:
        self._chance, self._weather, self._tell = chance, weather, tell

    async def call(
        self, what: str, effect: Callable[[], R], outage: Callable[[str], Exception], *, may_be_late: bool = True
    ) -> R:
        """Have a server do something and return its answer; raise `outage` where no answer comes.

        Where it may not be late, the server forgets whoever has hung up.
        """
        loop, process = asyncio.get_running_loop(), PROCESS.get(None)
        self._weather.strike(process, what)
        if process and not process.runs:
            await asyncio.sleep(0)
        fate, late_ms = self._weather.fate(what)
        fate = Fate.REPLY_LOST if fate is Fate.LATE and not may_be_late else fate
        answer: asyncio.Future[Any] = loop.create_future()
        if fate is not Fate.ANSWERED:
            self._tell(_name(process), f"{what}: {fate.name}")
            loop.call_later(self._delay_s(), _settle, answer, None, outage(f"{what}: {fate.name}"), context=OUTSIDE)
        if fate is not Fate.REQUEST_LOST:
            delay_s = self._delay_s() + (late_ms / 1000 if fate is Fate.LATE else 0.0)
            loop.call_later(delay_s, self._arrive, what, effect, answer, process, context=OUTSIDE)
        return await answer

    def _arrive(self, what: str, effect: Callable[[], Any], answer: Any, process: Process | None) -> None:
        result, error = None, None
        try:
            result = effect()
        except Exception as raised:  # noqa: BLE001  # the caller's to deal with
            error = raised
        self._tell(_name(process), f"{what} -> {type(error).__name__}" if error else what)
        self._weather.strike(process, what)
        asyncio.get_running_loop().call_later(self._delay_s(), _settle, answer, result, error, context=OUTSIDE)

    def _delay_s(self) -> float:
        return self._chance.random() * SLOWEST_MS / 1000


def _settle(answer: "asyncio.Future[Any]", result: Any, error: Exception | None) -> None:
    if answer.done():
        return
    if error:
        answer.set_exception(error)
    else:
        answer.set_result(result)


def _name(process: Process | None) -> str:
    return process.name if process else "world"
