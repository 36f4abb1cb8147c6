"""The people of the stories: each has a phone, a hand that types and a home, and visits are told event by event."""

import random
import zlib
from typing import Any, NamedTuple, Self

from menshen.contract.dead_letter import RejectReason
from menshen.contract.decoding import encode_event
from menshen.contract.events import (
    Challenge,
    ChallengeMethod,
    Checkpoint,
    Device,
    Envelope,
    Event,
    Keystroke,
    Location,
    Login,
    Step,
)
from menshen.demo.places import TUNNEL, Place
from menshen.demo.story import QUIET, Expected, Line, Story

SENTENCE = "llllslllllslllbldddslllsllllldd"
"""The classes of the keys of one line of free text: letters, spaces, digits and a slip taken back."""
APART_MS = 5_000
LIVE_APART_MS = 20
"""In a visit that is going on everything has just happened: what is asked next must stand behind it in the log."""
TRANSIT_MS = 120
"""How long an event is under way to the log: far too short for it to count as deferred."""


class Hand(NamedTuple):
    """How somebody types: usual hold and flight time in ms, and how much they scatter (0: not at all, a program)."""

    hold_ms: float
    flight_ms: float
    scatter: float = 0.4

    def typed(self, rng: random.Random) -> tuple[list[int], list[int]]:
        """Return hold and flight times of one sentence."""
        if self.scatter == 0:
            return [round(self.hold_ms)] * len(SENTENCE), [round(self.flight_ms)] * (len(SENTENCE) - 1)
        holds = [rng.gammavariate(20, self.hold_ms / 20) for _ in SENTENCE]
        flights = [self.flight_ms * rng.lognormvariate(0, self.scatter) - 20 for _ in SENTENCE[1:]]
        return [int(hold) for hold in holds], [int(flight) for flight in flights]


USUAL, HEAVY, PROGRAM = Hand(85, 110), Hand(165, 330), Hand(40, 60, scatter=0)


class Visitor(NamedTuple):
    """Who really comes: on which device, with which hand, from where, and what the handset says about where."""

    device_id: str
    hand: Hand
    place: Place
    says: Place
    mocked: bool = False


class Customer:
    """An account, and the one to whom it belongs."""

    def __init__(self, story: Story, home: Place, *, number: int = 1, device_id: str = "", hand: Hand = USUAL) -> None:
        self.story = story
        self.subject_id = f"{story.name}-{number}"
        self._owner = Visitor(device_id or f"{self.subject_id}-phone", hand, home, home)
        self._number = zlib.crc32(self.subject_id.encode())
        self.rng = random.Random(self._number)  # noqa: S311  # a story told again must be the same
        self._n_visits = 0

    def visit(self, day: int, clock: str, *, place: Place | None = None, **changes: Any) -> "Visit":
        """Return a visit to this account; by its owner, as ever, but for the changes (fields of `Visitor`)."""
        return self._visit(self._visitor(place, changes), self.story.moment_ms(day, clock), APART_MS)

    def come(self, now_ms: int, *, place: Place | None = None, **changes: Any) -> "Visit":
        """Return a visit that is going on now, as `visit` does one of the past."""
        return self._visit(self._visitor(place, changes), now_ms - 5 * LIVE_APART_MS, LIVE_APART_MS)

    def _visitor(self, place: Place | None, changes: dict[str, Any]) -> Visitor:
        here = {"place": place, "says": place} if place else {}
        return self._owner._replace(**{**here, **changes})

    def _visit(self, visitor: Visitor, start_ms: int, apart_ms: int) -> "Visit":
        self._n_visits += 1
        return Visit(self, visitor, f"{self.subject_id}-visit-{self._n_visits}", start_ms, apart_ms=apart_ms)

    def live(self, days: range, clock: str = "19:30") -> None:
        """Come once a day, look at the account and write something."""
        for day in days:
            self.visit(day, clock).begin().write()

    def address(self, place: Place) -> str:
        """Return the address from which this customer speaks at a place."""
        return place.address(self._number)


class Visit:
    """One visit, told in the order of its verbs. Where nothing is said, a decision is expected to be `QUIET`."""

    def __init__(self, customer: Customer, visitor: Visitor, session_id: str, start_ms: int, *, apart_ms: int) -> None:
        self._customer, self._visitor = customer, visitor
        self.session_id, self.device_id = session_id, visitor.device_id
        self._now_ms, self._apart_ms = start_ms, apart_ms
        self._seq = 0
        self._attempts = dict[Step, int]()

    def begin(self, expected: Expected | None = QUIET) -> Self:
        """Log in; then the handset says what it is and where."""
        address = self._customer.address(self._visitor.place)
        fix = self._visitor.says.fix(self._customer.rng.randrange(7), mocked=self._visitor.mocked)
        self._say(Login, expected, outcome="success", method="password", ip=address)
        self._say(Device, platform="android", model="Redmi Note 13", time_zone="Asia/Shanghai")
        return self._say(Location, gps=fix, ip=address)

    def fail(self, n_times: int) -> Self:
        """Give a wrong password so many times, before anybody is vouched for, through a VPN."""
        address = self._customer.address(TUNNEL)
        for _ in range(n_times):
            self._say(Login, None, assurance="claimed", outcome="failed", method="password", ip=address)
        return self

    def write(self) -> Self:
        """Type a sentence on glass."""
        holds, flights = self._visitor.hand.typed(self._customer.rng)
        field: dict[str, Any] = {"field": "free_text", "input_method": "soft_keyboard", "classes": SENTENCE}
        return self._say(Keystroke, hold_ms=holds, flight_ms=flights, **field)

    def ask(self, step: Step, expected: Expected | None = QUIET, **fields: Any) -> Self:
        """Ask whether a step may go on; asked again, it is the next attempt."""
        self._attempts[step] = attempt = self._attempts.get(step, 0) + 1
        application_id = f"{self._customer.subject_id}-application"
        return self._say(Checkpoint, expected, application_id=application_id, step=step, attempt=attempt, **fields)

    def draw(self, amount: str, expected: Expected | None = QUIET) -> Self:
        """Ask whether money may be sent."""
        draw = {"draw_id": f"{self.session_id}-draw", "payee_ref": f"{self._customer.subject_id}-payee"}
        return self.ask("fund_transfer", expected, amount=amount, currency="CNY", **draw)

    def prove(self, method: ChallengeMethod) -> Self:
        """Pass a challenge."""
        return self._say(Challenge, assurance="person", outcome="passed", method=method)

    def send(self, value: bytes, expected: RejectReason) -> Self:
        """Send bytes that are no event."""
        return self._add(value, None, expected)

    def _say(self, family: type[Envelope], expected: Expected | None = None, **fields: Any) -> Self:
        occurred_ms = self._now_ms + self._apart_ms - TRANSIT_MS
        envelope = {
            "event_id": f"{self.session_id}-{self._seq}",
            "subject_id": self._customer.subject_id,
            "session_id": self.session_id,
            "seq": self._seq,
            "occurred_ms": occurred_ms,
            "received_ms": occurred_ms + TRANSIT_MS // 2,
            "assurance": "authenticated",
            "product_id": "cash-loan",
            "device_id": self.device_id,
        }
        event: Any = family(**{**envelope, **fields})
        return self._add(encode_event(event), event, expected)

    def _add(self, value: bytes, event: Event | None, expected: Expected | RejectReason | None) -> Self:
        self._now_ms += self._apart_ms
        self._seq += 1
        line = Line(self._now_ms, self._customer.subject_id, self.session_id, value, event, expected)
        self._customer.story.lines.append(line)
        return self
