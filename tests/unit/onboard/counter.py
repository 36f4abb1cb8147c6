"""An office, a few words to bring a gate to where a test wants it, and a look at what was written."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Self, TypeVar

import msgspec
from sqlalchemy import Table, select
from tests.gate.office import Office, Place
from tests.gate.signing import Detect, Record

from menshen.contract.decoding import decode_event
from menshen.contract.events import Checkpoint, Event
from menshen.contract.verdict import Decision, Verdict
from menshen.loan.gate import Gate, Proved
from menshen.loan.path import STEPS, TRANSFER
from menshen.onboard.sql import outbox
from menshen.onboard.sql.outbox import Kind, Parcel
from menshen.onboard.sql.tables import questions

T = TypeVar("T")
DRAW = Place("a1", TRANSFER, "w1")
EVERYTHING = 1_000_000_000_000


class Counter:
    """Closes its database at the end."""

    def __init__(self, url: str) -> None:
        self.detect = Detect()
        self.office = Office(url, self.detect.keys)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.office.database.close()

    def at_the_line(self, application_id: str = "a1", subject_id: str = "s1") -> Self:
        """Open an application and pass its steps, up to the draws."""
        self.office.open(application_id, subject_id)
        for step in STEPS[:-1]:
            place = Place(application_id, step)
            self.office.come(place)
            while self.gate(place).state == "proving":
                self.office.happen(place, Proved())
            self.answer(place)
        return self

    def draw(self, amount: str = "1000.00", place: Place = DRAW, payee_ref: str = "p1", **where: Any) -> Gate:
        """Ask for money."""
        asked = (place.draw_id or "", Decimal(amount), payee_ref)
        return self.office.draw(*asked, of=place.application_id, **where).gate

    def gate(self, place: Place = DRAW) -> Gate:
        """Return a gate as it is now."""
        return self.office.at(place).gate

    def question(self, place: Place = DRAW) -> Checkpoint:
        """Return what was asked about a gate last."""
        gate_id = self.office.desk.store.gate_id(*place)
        query = select(questions.c.body).where(questions.c.gate_id == gate_id).order_by(questions.c.attempt.desc())
        asked = decode_event(self.office.database.read(lambda c: c.execute(query.limit(1)).scalar_one()))
        assert isinstance(asked, Checkpoint)
        return asked

    def answer(self, place: Place = DRAW, decision: Decision = "allow") -> str:
        """Answer what was asked last, and return the answer's fate."""
        return self.office.receive(self.signed(place, decision))

    def signed(self, place: Place = DRAW, decision: Decision = "allow") -> Record:
        """Return an answer to what was asked last, still to be delivered."""
        return self.detect.answer(self.question(place), decision, self.office.clock.now_ms)

    def revocation(self, allow: Record) -> Record:
        """Return what takes an allow back."""
        return self.detect.revoke(self.verdict(allow), self.office.clock.now_ms)

    def verdict(self, record: Record) -> Verdict:
        """Return what a record says that detect signed."""
        return self.detect.honest[record.value]

    def waiting(self, *kinds: Kind) -> list[Parcel]:
        """Return what waits to leave."""
        later_ms = self.office.clock.now_ms + EVERYTHING
        return self.office.database.read(lambda c: outbox.waiting(c, kinds, later_ms, 1000))

    def events(self) -> list[Event]:
        """Return the events that wait to be published."""
        return [decode_event(parcel.body) for parcel in self.waiting("event")]

    def decoded(self, parcel: Parcel, kind: type[T]) -> T:
        """Return what a parcel holds."""
        return msgspec.json.decode(parcel.body, type=kind)

    def rows(self, table: Table) -> Sequence[Any]:
        """Return the rows of a table."""
        return self.office.database.read(lambda c: c.execute(select(table)).all())
