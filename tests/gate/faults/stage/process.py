"""One `menshen onboard` by its real parts, on one event loop with others: desk, agent, sender and patrol."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar, cast

from pydantic import BaseModel
from sqlalchemy import Connection
from tests.gate.faults.points import WatchedDesk
from tests.gate.faults.stage.bank import LOOKED_MS, Bank, Line
from tests.gate.faults.stage.broker import Broker, Following, Publishing
from tests.gate.faults.stage.life import Life, Torn
from tests.gate.faults.stage.virtual import clock_ms
from tests.gate.faults.stage.weather import Weather

from menshen.contract.events import ChallengeMethod
from menshen.contract.signature import TrustedKeys
from menshen.loan.policy import LoanPolicy
from menshen.onboard.api.once import once
from menshen.onboard.patrol import Patrol
from menshen.onboard.sender import Outside, Sender
from menshen.onboard.sql.database import Database
from menshen.onboard.verdicts import VerdictAgent

T = TypeVar("T")
TENANT, MOST_VERDICTS = "t", 5


class Surroundings(NamedTuple):
    """What all processes have in common.

    `heard_ms` says when a verdict had been taken to heart, by its bytes; `struck` counts what has gone wrong, `bugs`
    are the errors that nobody expected.
    """

    database: Database
    policy: LoanPolicy
    keys: TrustedKeys
    broker: Broker
    bank: Bank
    weather: Weather
    challenged: Counter[str]
    heard_ms: dict[bytes, int]
    struck: Counter[str]
    bugs: list[str]


class _Desk(WatchedDesk):
    """Works on the spot, and not in threads: a transaction is whole, and at one moment."""

    async def run(self, work: Callable[[Connection], T]) -> T:
        try:
            return await super().run(work)
        except Torn:
            return await cast(Life, self.watcher).end()

    async def read(self, work: Callable[[Connection], T]) -> T:
        await self.watcher.reach("before a look")
        seen = await super().read(work)
        await self.watcher.reach("after a look")
        return seen

    async def _in(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        LOOKED_MS.set(clock_ms())
        return work()


class _Challenges:
    """The services of challenges: they know an id that they have seen."""

    def __init__(self, life: Life, challenged: Counter[str]) -> None:
        self._life, self._challenged = life, challenged

    async def issue(self, challenge_id: str, method: ChallengeMethod, *, subject_id: str, device_id: str) -> None:
        await self._life.reach("before challenge")
        self._challenged[challenge_id] += 1
        await self._life.reach("after challenge")


class Told(BaseModel):
    """What a customer is told."""

    state: str


class _Caller(NamedTuple):
    name: str = "back end"


class _Request(NamedTuple):
    scope: dict[str, str]
    method: str = "POST"


class _Here(NamedTuple):
    """What the API's `once` needs of a request."""

    desk: _Desk
    request: _Request
    caller: _Caller = _Caller()


class Process:
    """It runs until it dies; what it was asked and has not done by then is never done."""

    def __init__(self, around: Surroundings, life: Life) -> None:
        self.life, self._around = life, around
        self.desk = _Desk(around.database, TENANT, around.policy)
        self.desk.watcher = life
        self._agent = VerdictAgent(self.desk, around.keys)
        self._verdicts = Following(around.broker, life)
        challenges = _Challenges(life, around.challenged)
        line = Line(around.bank, life, around.weather, around.struck)
        publisher = Publishing(around.broker, life, around.weather, around.struck)
        outside = Outside(*(cast(Any, port) for port in (challenges, challenges, line)))
        self._sender, self._patrol = Sender(self.desk, cast(Any, publisher), outside), Patrol(self.desk)
        self._sender._name = f"process {id(life)}"
        self._tasks = set[asyncio.Task[Any]]()

    def start(self) -> None:
        """Begin to work."""
        for work in (self._sender.run(), self._patrol.run(), self._follow()):
            self._begin(self._to_the_end(work))

    def ask(self, key: str, deed: Callable[[Connection, int], T]) -> "asyncio.Task[T]":
        """Ask for a deed under an Idempotency-Key; whether or not anybody waits for its reply, it goes on."""
        here = cast(Any, _Here(self.desk, _Request({"path": key})))

        def told(connection: Connection, now_ms: int) -> tuple[int, Told]:
            return 202, Told(state=str(deed(connection, now_ms)))

        return self._begin(once(here, key, None, told))

    async def close(self) -> None:
        """Let go of everything, and do nothing more."""
        self.life.dead.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self) -> None:
        while True:
            records = await self._verdicts.fetch(MOST_VERDICTS)
            await self._agent.take(records)
            for record in records:
                self._around.heard_ms.setdefault(record.value or b"", clock_ms())
            await self._verdicts.commit()

    async def _to_the_end(self, work: Coroutine[Any, Any, None]) -> None:
        """Work; what nobody expected ends the process, as it ends the real one."""
        try:
            await work
        except Exception as error:  # noqa: BLE001
            self._around.bugs.append(f"{type(error).__name__}: {_innermost(error)}")
            await self.life.end()

    def _begin(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        return task


def _innermost(error: BaseException) -> BaseException:
    return _innermost(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
