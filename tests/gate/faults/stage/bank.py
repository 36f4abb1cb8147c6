"""In the bank's place: a ledger that settles each key once, behind a line on which everything gets lost."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from typing import NamedTuple

from tests.gate.faults.stage.life import Life
from tests.gate.faults.stage.virtual import clock_ms
from tests.gate.faults.stage.weather import Weather

from menshen.onboard.ports import Order, Outcome, Settled
from menshen.shell.errors import Unavailable

PATIENCE_S, SLOWEST_S = 1.0, 15.0
LOOKED_MS: ContextVar[int] = ContextVar("looked_ms")
"""When the one who calls the bank last looked into the database."""


class Movement(NamedTuple):
    """Money that has moved: what was ordered, when the order left, and what was known when it did."""

    order: Order
    looked_ms: int
    sent_ms: int


class Bank:
    """Each key is settled once; `movements` is all the money that has moved."""

    def __init__(self) -> None:
        self._settled: dict[str, Settled] = {}
        self.movements: list[Movement] = []
        self.told = Counter[str]()
        """How often the bank was asked to move money, by draw."""

    def execute(self, movement: Movement) -> Settled:
        """Move the money, unless the key is settled."""
        self.told[f"{movement.order.application_id} {movement.order.draw_id}"] += 1
        if movement.order.key not in self._settled:
            self.movements.append(movement)
        return self._settle(movement.order.key, Outcome.EXECUTED)

    def refuse(self, key: str) -> Settled:
        """Refuse for good, unless the key is settled."""
        return self._settle(key, Outcome.REFUSED)

    def void(self, key: str) -> Settled:
        """Close the key for good, unless it is settled."""
        return self._settle(key, Outcome.VOIDED)

    def _settle(self, key: str, outcome: Outcome) -> Settled:
        return self._settled.setdefault(key, Settled(status=outcome))


class Line:
    """One process's line to the bank. What has left arrives, though its sender dies."""

    def __init__(self, bank: Bank, life: Life, weather: Weather, struck: Counter[str]) -> None:
        self._bank, self._life, self._weather, self._struck = bank, life, weather, struck

    async def transfer(self, order: Order) -> Settled:
        """Have the money moved."""
        movement = Movement(order, LOOKED_MS.get(), clock_ms())
        fault = self._weather.at_the_bank()
        refuses = fault == "refused"
        act = (lambda: self._bank.refuse(order.key)) if refuses else (lambda: self._bank.execute(movement))
        return await self._call("transfer", fault, act)

    async def void(self, key: str) -> Settled:
        """Close a key for good."""
        fault = self._weather.at_the_bank()
        return await self._call("void", "none" if fault == "refused" else fault, lambda: self._bank.void(key))

    async def _call(self, what: str, fault: str, act: Callable[[], Settled]) -> Settled:
        self._struck[f"{what} {fault}"] += 1
        chance, loop, answers = self._weather.chance, asyncio.get_running_loop(), list[Settled]()
        delay_s = chance.uniform(0.001, 0.1)
        if not fault.endswith("before"):
            arrives_s = chance.uniform(PATIENCE_S, SLOWEST_S) if fault == "slow" else delay_s
            loop.call_later(arrives_s, lambda: answers.append(act()))
        if fault == "doubled":
            loop.call_later(chance.uniform(0, SLOWEST_S), act)
        await asyncio.sleep(PATIENCE_S if fault in ("lost before", "lost after", "slow") else delay_s + 0.001)
        await self._life.reach(f"after {what}")
        if fault in ("none", "doubled", "refused"):
            return answers[0]
        raise Unavailable(f"bank: {fault}")
