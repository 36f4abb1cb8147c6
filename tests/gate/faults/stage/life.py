"""What befalls one process: it dies, is held up, or hears nothing back; the dead act never again."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Literal, NamedTuple, NoReturn

from tests.gate.faults.stage.virtual import clock_ms

from menshen.shell.errors import Unavailable

Blow = Literal["dies", "is held up", "hears nothing"]
HELD_UP_MS = (2_000, 12_000)
"""Around, and longer than: the lease of the one who sends, a silent member's time in the group, an allow's life."""


class Fate(NamedTuple):
    """What happens to a process when it comes to a point for the nth time."""

    blow: Blow
    point: str
    nth: int


class Torn(Exception):
    """The process dies within a transaction: the database undoes it."""


class Life:
    """The life of one process, from its start to its death."""

    def __init__(self, chance: Random, fates: list[Fate], struck: Counter[str]) -> None:
        self._chance, self._fates, self._struck = chance, fates, struck
        self._reached = Counter[str]()
        self._held_until_ms = 0
        self.dead = asyncio.Event()
        self.on_death: Callable[[], object] = lambda: None

    async def reach(self, point: str) -> None:
        """Let others act, and go on from this point only if fate has it so.

        Raises `Unavailable` where what was done has been done, and nobody says so.
        """
        await asyncio.sleep(self._chance.randrange(1, 5) / 1000)
        await self._go_on()
        match self._blow(point):
            case "dies":
                await self.end()
            case "is held up":
                self._held_until_ms = clock_ms() + self._chance.randrange(*HELD_UP_MS)
                await self._go_on()
            case "hears nothing":
                raise Unavailable(f"{point}: nobody says that it is done")

    def within(self, point: str) -> None:
        """Undo the transaction if the process dies in it."""
        if self._blow(point) == "dies":
            raise Torn

    async def end(self) -> NoReturn:
        """Die."""
        if not self.dead.is_set():
            self.dead.set()
            self.on_death()
        await asyncio.Event().wait()
        raise AssertionError("the dead do not act")

    async def _go_on(self) -> None:
        await asyncio.sleep(max(0, self._held_until_ms - clock_ms()) / 1000)
        if self.dead.is_set():
            await self.end()

    def _blow(self, point: str) -> Blow | None:
        self._reached[point] += 1
        for fate in self._fates:
            if (fate.point, fate.nth) == (point, self._reached[point]):
                self._struck[f"{fate.blow} {point}"] += 1
                return fate.blow
        return None


def drawn(chance: Random, blow: Blow, where: Sequence[str]) -> Fate:
    """Return a fate of a kind, any point as likely as any other at which it makes a difference."""
    possible = {
        "dies": where,
        "is held up": [point for point in where if not point.startswith("within")],
        "hears nothing": [point for point in where if point.startswith("after") and point != "after a look"],
    }
    return Fate(blow, chance.choice(possible[blow]), chance.choice((1, 1, 2, 3, 5, 8)))
