"""The workflow on a real database, under a clock that tests turn; customers and people do what the API lets them do."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple, TypeVar

from sqlalchemy import Connection
from tests.gate.signing import Record

from menshen.contract.events import Step
from menshen.contract.signature import TrustedKeys
from menshen.loan.gate import Advanced, Fact, Gate, Visit
from menshen.loan.path import STEPS, TRANSFER
from menshen.loan.policy import LoanPolicy, parse_loan_policy
from menshen.onboard.desk import Desk
from menshen.onboard.inbox import Letter, examine
from menshen.onboard.sql import queue
from menshen.onboard.sql.database import Database
from menshen.onboard.sql.store import Application, Kept

T = TypeVar("T")
POLICY = parse_loan_policy((Path(__file__).parents[2] / "deploy" / "policy" / "loan.toml").read_text())
NOON_MS = 1_700_000_000_000
VISIT = Visit("v1", "dev1", "authenticated")
LIMIT = Decimal("20000.00")


class Clock:
    """A clock that stands until it is turned; each of `stalls` holds up the one who has looked at it next."""

    def __init__(self) -> None:
        self.now_ms = NOON_MS
        self.stalls = list[int]()

    def __call__(self) -> int:
        seen_ms = self.now_ms
        self.turn(self.stalls.pop(0) if self.stalls else 0)
        return seen_ms

    def turn(self, ms: int) -> int:
        """Let time pass, and return the time."""
        self.now_ms += ms
        return self.now_ms


class Place(NamedTuple):
    """Which gate: a step of an application, or a draw."""

    application_id: str
    step: Step
    draw_id: str | None = None


class Office:
    """One tenant's workflow. Each call is one transaction, a millisecond after the one before."""

    def __init__(self, url: str, keys: TrustedKeys, *, tenant: str = "t", policy: LoanPolicy = POLICY) -> None:
        self.clock, self.keys = Clock(), keys
        self.database = Database(url)
        self.database.upgrade()
        self.desk = Desk(self.database, tenant, policy)

    def do(self, work: Callable[[Connection, int], T]) -> T:
        """Do work in a transaction at a moment of its own."""
        now_ms = self.clock.turn(1)
        return self.database.run(lambda connection: work(connection, now_ms))

    def open(self, application_id: str = "a1", subject_id: str = "s1", product_id: str = "cash") -> Application:
        """Open an application."""
        names = (application_id, subject_id, product_id)
        return self.do(lambda c, now_ms: self.desk.gatekeeper.open_application(c, *names, now_ms=now_ms))

    def come(self, place: Place, visit: Visit = VISIT, amount: Decimal | None = None) -> Kept:
        """Let the customer come to a step."""
        activates = place.step == STEPS[-2]
        money = {"amount": amount or LIMIT, "currency": "CNY"} if activates else {}
        asks = (place.application_id, place.step, Advanced(visit, **money))
        return self.do(lambda c, now_ms: self.desk.gatekeeper.advance(c, *asks, now_ms=now_ms))

    def draw(self, draw_id: str, amount: Decimal, payee_ref: str, *, visit: Visit = VISIT, of: str = "a1") -> Kept:
        """Let the customer ask for money out of the line."""
        named = {"draw_id": draw_id, "payee_ref": payee_ref, "amount": amount, "currency": "CNY"}
        draw = Gate(application_id=of, step=TRANSFER, **named)
        fact = Advanced(visit, amount=amount, currency="CNY")
        return self.do(lambda c, now_ms: self.desk.gatekeeper.draw(c, of, draw, fact, now_ms=now_ms))

    def at(self, place: Place) -> Kept:
        """Return a gate as it is now."""
        return self.database.read(lambda c: self.desk.store.gate(c, self.desk.store.gate_id(*place)))

    def happen(self, place: Place, fact: Fact) -> Kept:
        """Let something happen at a gate."""

        def work(connection: Connection, now_ms: int) -> Kept:
            kept = self.desk.store.gate(connection, self.desk.store.gate_id(*place))
            return self.desk.actor.act(connection, kept, fact, now_ms=now_ms)

        return self.do(work)

    def receive(self, record: Record) -> str:
        """Take a record of the verdict topic, and return its fate."""
        letter = examine(record.value, record.headers, self.keys)
        if not isinstance(letter, Letter):
            return letter
        return self.do(lambda c, now_ms: self.desk.inbox.take(c, letter, now_ms=now_ms))

    def vote(self, place: Place, operator: str, role: str, decision: queue.Say) -> Kept | None:
        """Let a person say what they think of a gate in the queue; return the gate if that decides."""

        def work(connection: Connection, now_ms: int) -> Kept | None:
            gate_id = self.desk.store.gate_id(*place)
            entries = queue.entries(connection, open_only=True, most=1000)
            entry = next(entry for entry in entries if entry.gate_id == gate_id)
            decided = queue.cast(connection, entry, queue.Vote(operator, role, decision, "so I say", now_ms))
            kept = self.desk.store.gate(connection, gate_id)
            return self.desk.actor.act(connection, kept, decided, now_ms=now_ms) if decided else None

        return self.do(work)

    def wake(self) -> int:
        """Tell every gate whose time is up."""
        return self.do(self._wake)

    def _wake(self, connection: Connection, now_ms: int) -> int:
        return self.desk.gatekeeper.wake(connection, now_ms)

    def appeal(self, place: Place) -> Kept:
        """Let the customer ask that people look at a refusal."""
        return self.do(lambda c, now_ms: self.desk.gatekeeper.appeal(c, *place, now_ms=now_ms))

    async def close(self) -> None:
        """End its threads and close all connections."""
        await self.desk.close()
