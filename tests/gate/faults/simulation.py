"""One simulation: two processes on one database, in a storm and then in calm, until nothing moves any more."""

import asyncio
import contextlib
import hashlib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from random import Random
from sqlite3 import Connection
from typing import NamedTuple, cast

import msgspec
from pytest import MonkeyPatch
from tests.gate.faults.evidence import Evidence, Outside, gathered
from tests.gate.faults.oracle import nothing_hangs, violations
from tests.gate.faults.stage import virtual
from tests.gate.faults.stage.bank import Bank
from tests.gate.faults.stage.broker import Broker
from tests.gate.faults.stage.customers import Customer
from tests.gate.faults.stage.detecting import Answering
from tests.gate.faults.stage.life import Life, drawn
from tests.gate.faults.stage.process import TENANT, Process, Surroundings
from tests.gate.faults.stage.weather import CALM, CLIMATES, Climate, Weather
from tests.gate.office import POLICY
from tests.gate.signing import Detect

from menshen.onboard import patrol, sender, verdicts
from menshen.onboard.api import once
from menshen.onboard.sql.database import Database

N_PROCESSES, N_DRAWS, MOST_DOOMED = 2, 4, 10
CUSTOMERS = ("a1", "a2")
REST_S = 200.0
RULES = {"challenge_lasts_s": 20, "review_lasts_s": 30, "appeal_lasts_s": 40, "attempts_a_day": 20}
PROMPT = msgspec.structs.replace(
    POLICY,
    **RULES,
    eligibility=msgspec.structs.replace(POLICY.eligibility, retry_s=5),
    agreement=msgspec.structs.replace(POLICY.agreement, proofs=()),
    limit_activation=msgspec.structs.replace(POLICY.limit_activation, proofs=("otp",), retry_s=10),
)
"""The lender's policy with shorter times, so that whatever hangs is seen soon."""


class Outcome(NamedTuple):
    """What a simulation has shown; `trace` is the same for two that went the same way."""

    violations: dict[str, list[str]]
    struck: Counter[str]
    n_paid: int
    trace: str


def simulate(seed: int, climate: Climate) -> Outcome:
    """Play a simulation. The same seed in the same climate plays the same way."""
    with contextlib.closing(_empty_database()) as database, _at_its_own_time():
        return virtual.run(_Simulation(database, seed, climate).play())


def trace(seed: int, climate: str) -> str:
    """Play a simulation in the climate of a name, and return its trace."""
    return simulate(seed, CLIMATES[climate]).trace


class _Simulation:
    def __init__(self, database: Database, seed: int, climate: Climate) -> None:
        self._chance, self._climate = Random(seed), climate
        detect, weather = Detect(), Weather(climate, self._chance)
        empty = (Counter[str](), dict[bytes, int](), Counter[str](), list[str]())
        self._around = Surroundings(database, PROMPT, detect.keys, Broker(), Bank(), weather, *empty)
        self._answering = Answering(self._around.broker, detect, weather)
        self._serving, self._all = list[Process](), list[Process]()
        self._background = set[asyncio.Task[None]]()

    async def play(self) -> Outcome:
        for _ in range(N_PROCESSES):
            self._serving.append(self._started())
        self._do(self._answering.follow())
        customers = [Customer(name, self._around.weather, self._serving) for name in CUSTOMERS]
        await asyncio.gather(*(customer.go(N_DRAWS) for customer in customers))
        if self._climate is not CALM:
            await self._clear_up()
        seen = await self._at_rest()
        await self._close()
        return Outcome(violations(seen), self._around.struck, len(self._around.bank.movements), _trace(seen))

    def _started(self) -> Process:
        """Start a process; where it dies, another one takes its place after a while."""
        spared = self._around.weather.clear or len(self._all) >= MOST_DOOMED
        blows = () if spared else self._climate.blows.items()
        life = Life(
            self._chance,
            [drawn(self._chance, blow, self._climate.where) for blow, n in blows for _ in range(n)],
            self._around.struck,
        )
        process = Process(self._around, life)
        life.on_death = lambda: self._do(self._replace(process))
        self._all.append(process)
        process.start()
        return process

    async def _replace(self, dead: Process) -> None:
        await asyncio.sleep(self._chance.uniform(0.2, 4))
        if dead in self._serving:
            self._serving[self._serving.index(dead)] = self._started()

    async def _clear_up(self) -> None:
        """Let nothing go wrong any more, and one process do what the others have left undone."""
        self._around.weather.clear = True
        for process in self._serving:
            process.life.dead.set()
        self._serving[:] = [self._started()]

    async def _at_rest(self) -> Evidence:
        """Return what there is to see once nothing hangs, or once it has had time enough to end."""
        until_s = asyncio.get_running_loop().time() + REST_S
        while True:
            await asyncio.sleep(5)
            if asyncio.get_running_loop().time() < until_s and self._moves():
                continue
            seen = self._seen()
            if asyncio.get_running_loop().time() > until_s or not list(nothing_hangs(seen)):
                return seen

    def _seen(self) -> Evidence:
        around, detect = self._around, self._answering
        outside = Outside(
            around.broker,
            around.bank,
            detect.said,
            detect.asked,
            around.challenged,
            around.heard_ms,
            around.bugs,
            calm=self._climate is CALM,
        )
        return gathered(around.database, TENANT, outside, virtual.clock_ms())

    def _moves(self) -> bool:
        broker = self._around.broker
        return self._answering.busy or broker.committed < len(broker.verdicts)

    def _do(self, work: object) -> None:
        task = asyncio.ensure_future(cast("asyncio.Future[None]", work))
        self._background.add(cast("asyncio.Task[None]", task))

    async def _close(self) -> None:
        for process in self._all:
            await process.close()
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._answering.close()


def _trace(seen: Evidence) -> str:
    """Return a digest of all that was written, ordered and published, with its times; signatures differ each time."""
    outside = seen.outside
    went_out = (sorted(outside.broker.logs.items()), outside.bank.movements, list(outside.heard_ms.items()))
    return hashlib.sha256(repr((went_out, seen.tables["history"], seen.now_ms)).encode()).hexdigest()


@cache
def _template() -> Database:
    database = Database("sqlite://")
    database.upgrade()
    return database


def _empty_database() -> Database:
    """Return a database in memory with the product's schema: copied, since making it takes longer than a simulation."""
    database = Database("sqlite://")
    with _template().engine.connect() as full, database.engine.connect() as empty:
        source, copy = full.connection.driver_connection, empty.connection.driver_connection
        cast(Connection, source).backup(cast(Connection, copy))
    return database


@contextlib.contextmanager
def _at_its_own_time() -> Iterator[None]:
    """Have the product go by the simulation's clock, and look round less often: each look costs, and finds nothing."""
    with MonkeyPatch.context() as patch:
        for module in (sender, patrol, verdicts, once):
            patch.setattr(module, "clock_ms", virtual.clock_ms)
        patch.setattr(sender, "LOOK_S", 1.5)
        patch.setattr(patrol, "ROUND_S", 0.8)
        yield
