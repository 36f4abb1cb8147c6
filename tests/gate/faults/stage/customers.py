"""Customers who want a loan whatever breaks: what is not answered they ask again, under the same key."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection
from tests.gate.faults.stage.process import Process
from tests.gate.faults.stage.weather import Weather
from tests.gate.office import Place

from menshen.loan.gate import Advanced, Gate, Lifted, ProofFailed, Proved, Repaid, Upheld, Visit
from menshen.loan.line import DoesNotFit
from menshen.loan.path import STEPS, TRANSFER
from menshen.loan.workflow import NotNow
from menshen.onboard.gatekeeper import Contradiction
from menshen.onboard.sql.store import Unknown
from menshen.shell.errors import Unavailable

REFUSED = (NotNow, Contradiction, DoesNotFit, Unknown)
LIMIT = Decimal("1500.00")
PATIENCE_S, TRIES, LOOKS = 1.5, 12, 40
Deed = Callable[[Connection, int], Any]


class Customer:
    """One application, from its opening to its last draw."""

    def __init__(self, name: str, weather: Weather, serving: list[Process]) -> None:
        self.name, self._weather, self._serving = name, weather, serving
        self._n_asked = 0

    async def go(self, n_draws: int) -> None:
        """Go through all steps, then ask for money, for two draws at a time."""
        opening = (self.name, f"s-{self.name[0]}", self.name)
        await self._ask(lambda p: lambda c, now: p.desk.gatekeeper.open_application(c, *opening, now_ms=now))
        for step in STEPS[:-1]:
            if not await self._passes(Place(self.name, step)):
                return
        draws = [Place(self.name, TRANSFER, f"w{n}") for n in range(n_draws)]
        for pair in zip(draws[::2], draws[1::2], strict=True):
            await asyncio.gather(*(self._passes(place) for place in pair))

    async def _passes(self, place: Place) -> bool:
        """Do what is to be done at a gate until it is open for good; False if it will not be."""
        money = Decimal(self._weather.chance.randrange(100, 50_000)) / 100
        for _ in range(LOOKS):
            match self._state(place):
                case "done" | "repaid":
                    await self._repay(place)
                    return True
                case "open" if place.step != TRANSFER:
                    return True
                case "refused" | "failed":
                    return False
                case "waiting" | "provisional" | "parked" | None:
                    await self._ask(lambda p: self._comes(p, place, money))
                case "proving":
                    await self._happens(place, Proved() if self._weather.happens(85) else ProofFailed())
                case "review":
                    people = Lifted(("ann",), "so I say") if self._weather.happens(70) else Upheld(("bob",), "no")
                    await self._happens(place, people)
            await asyncio.sleep(self._weather.chance.uniform(0.2, 1.0))
        return False

    def _state(self, place: Place) -> str | None:
        desk = self._serving[0].desk

        def look(connection: Connection) -> str | None:
            try:
                return desk.store.gate(connection, desk.store.gate_id(*place)).gate.state
            except Unknown:
                return None

        return desk.database.read(look)

    def _comes(self, process: Process, place: Place, money: Decimal) -> Deed:
        visit = Visit("v1", f"dev-{self.name}", "authenticated")
        gatekeeper = process.desk.gatekeeper
        if place.step == TRANSFER:
            named: dict[str, Any] = {"draw_id": place.draw_id, "payee_ref": f"p-{place.draw_id}"}
            draw = Gate(application_id=self.name, step=TRANSFER, amount=money, currency="CNY", **named)
            fact = Advanced(visit, amount=money, currency="CNY")
            return lambda c, now: gatekeeper.draw(c, self.name, draw, fact, now_ms=now)
        asked = {"amount": LIMIT, "currency": "CNY"} if place.step == STEPS[-2] else {}
        return lambda c, now: gatekeeper.advance(c, self.name, place.step, Advanced(visit, **asked), now_ms=now)

    async def _repay(self, place: Place) -> None:
        if place.step == TRANSFER and self._weather.happens(25):
            await self._happens(place, Repaid())

    async def _happens(self, place: Place, fact: Any) -> None:
        def deed(process: Process) -> Deed:
            desk = process.desk

            def work(connection: Connection, now_ms: int) -> str:
                kept = desk.store.gate(connection, desk.store.gate_id(*place))
                return desk.actor.act(connection, kept, fact, now_ms=now_ms).gate.state

            return work

        await self._ask(deed)

    async def _ask(self, deed: Callable[[Process], Deed]) -> None:
        """Ask for a deed until somebody has done it, or says that it cannot be."""
        self._n_asked += 1
        key = f"{self.name} {self._n_asked}"
        for _ in range(TRIES):
            process = self._weather.chance.choice(self._serving)
            reply = process.ask(key, deed(process))
            await asyncio.wait([reply], timeout=PATIENCE_S)
            if reply.done() and not isinstance(reply.exception(), Unavailable):
                error = reply.exception()
                if error is not None and not isinstance(error, REFUSED):
                    raise error
                return
            await asyncio.sleep(self._weather.chance.uniform(0.1, 1.0))
