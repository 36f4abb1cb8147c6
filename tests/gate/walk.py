"""A random walk through the gate: customers, people, detect, a bank and an attacker, each at their worst."""

from tests.gate.crowd import Crowd
from tests.gate.mail import Mail
from tests.gate.world import World

from menshen.loan.line import DoesNotFit
from menshen.loan.workflow import NotNow
from menshen.onboard.gatekeeper import Contradiction
from menshen.onboard.sql.queue import Closed

DOES = {"business": 66, "pay": 10, "deliver_held": 8, "time": 7, "wake": 5, "revoke": 4}
PAUSES_MS = {300: 44, 1_000: 22, 6_000: 20, 130_000: 9, 400_000: 4, 90_000_000: 1}
"""A moment, and longer than: a deadline, a verdict's life, a challenge's life, a day."""
HOLD_UP_MS = 130_000
FAULTS = {"none": 70, "timeout_after_success": 8, "timeout_before": 8, "error_500": 6, "error_500_after_success": 4}
REFUSED = (NotNow, Contradiction, DoesNotFit, Closed)
"""What the office says to those who ask for what cannot be: nothing was changed."""


class Walk:
    """One walk. The same seed walks the same way."""

    def __init__(self, world: World) -> None:
        self._world, self._crowd, self._mail = world, Crowd(world), Mail(world)

    async def go(self, n_steps: int) -> None:
        """Take so many steps."""
        for _ in range(n_steps):
            self._world.counts["steps"] += 1
            try:
                await self._step()
            except REFUSED as refused:
                self._world.counts[type(refused).__name__] += 1
        self._world.judge.look()

    async def _step(self) -> None:
        match self._world.one_of(DOES):
            case "business":
                await self._business()
            case "pay":
                await self._pay()
            case "deliver_held":
                self._mail.deliver_held()
            case "time":
                self._world.office.clock.turn(self._world.one_of(PAUSES_MS))
            case "wake":
                self._world.office.wake()
            case "revoke":
                self._mail.revoke()

    async def _business(self) -> None:
        self._crowd.gather()
        place = self._world.chance.choice(self._crowd.places)
        gate = self._world.office.at(place).gate
        if gate.state in ("asked", "parked", "review", "provisional") and self._world.happens(75):
            await self._world.street.publish()
            self._mail.answer(place)
        else:
            self._crowd.visit(place, gate)

    async def _pay(self) -> None:
        fault = self._world.one_of(FAULTS | {"refuse": 4})
        if fault != "none":
            self._world.counts[f"bank {fault}"] += 1
            self._world.street.standins.script(fault)
        if self._world.happens(5):
            self._world.counts["hold-ups"] += 1
            self._world.office.clock.stalls = [*[0] * self._world.chance.randrange(8), HOLD_UP_MS]
        n_told = await self._world.street.pay()
        self._world.office.clock.stalls.clear()
        if n_told:
            await self._world.street.publish()
            self._world.judge.look()
