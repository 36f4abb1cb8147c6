"""Customers by the million: some hundred lives are lived in full, and everybody else is one of these under other names.

What a customer's device types, swipes and reports is drawn from `menshen.learn`; the record that is sent for an event
is its JSON with the names and times of this customer and this moment put in, which costs a generator next to nothing.
"""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from menshen.contract.assessment import Observed
from menshen.contract.decoding import decode_event, encode_event
from menshen.contract.events import Checkpoint, Device, Keystroke, Location, Login, Pointer
from menshen.fraud.sighting import Sighting
from menshen.fraud.step import Rules, step
from menshen.fraud.subject import NOBODY, pack
from menshen.fraud.tagging import tag
from menshen.learn.people import SCREENS_PX, Person, person, reported
from menshen.learn.places import near
from menshen.learn.typists import typed

SHARES = {"checkpoint": 0.02, "login": 0.08, "device": 0.10, "location": 0.18, "keystroke": 0.12, "pointer": 0.50}
"""The mix, by which everything is measured."""
FAILED = 0.1
"""Visits that begin with a wrong password."""
EVENTS_A_VISIT = (1 + FAILED) / SHARES["login"]
"""So that the logins make their share."""
SHARING = 5
"""Every fifth customer lives in a household with one device for all."""
HOUSEHOLD = 4
N_VISITS, N_LIVES, N_WAYS = 8, 256, 6
"""Visits in the past of a customer, lives that are lived in full, and ways in which each of them visits."""
FIELDS = ("amount", "phone", "name", "free_text")
DAY_MS, MINUTE_MS = 86_400_000, 60_000
STEPS = ("eligibility", "agreement", "limit_activation", "fund_transfer")

SUBJECT, SESSION, EVENT, DEVICE = "@subject@", "@session@", "@event@", "@device@"
OCCURRED_MS, RECEIVED_MS = 1_111_111_111_111, 1_222_222_222_222
"""What stands in a template for what is put in."""


class Template(NamedTuple):
    """An event of a family as bytes with six places: event, subject, session, occurred, received, device."""

    family: str
    value: bytes

    def filled(self, who: "Customer", session: bytes, event: bytes, now_ms: int) -> bytes:
        """Return the record's value for a customer, a visit and a moment."""
        return self.value % (event, who.subject, session, now_ms - 60, now_ms - 20, who.device)


class Life(NamedTuple):
    """One life: ways to visit, each a list of templates, and the state that its past has left."""

    ways: tuple[tuple[Template, ...], ...]
    blob: bytes


class Customer(NamedTuple):
    """Somebody who lives a life under another name, maybe with a device that the household shares."""

    number: int
    subject: bytes
    device: bytes
    life: Life

    @property
    def blob(self) -> bytes:
        """The state that the customer's past has left, as `menshen detect` keeps it."""
        return self.life.blob.replace(tag(DEVICE), tag(self.device.decode()))


class Crowd:
    """Everybody. The same seed gives the same people; their past ended a day before `now_ms`."""

    def __init__(self, n_subjects: int, rules: Rules, *, seed: int = 1, now_ms: int | None = None) -> None:
        now_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
        self.n_subjects = n_subjects
        self.lives = [_life(np.random.default_rng([seed, n]), rules, now_ms) for n in range(min(N_LIVES, n_subjects))]

    def customer(self, number: int) -> Customer:
        """Return the customer of a number from 0 to `n_subjects` - 1."""
        household = number // (SHARING * HOUSEHOLD) if number % SHARING == 0 else None
        device = b"d-%d" % number if household is None else b"d-home-%d" % household
        return Customer(number, b"s-%d" % number, device, self.lives[number % len(self.lives)])

    def state_bytes(self) -> dict[str, float]:
        """Return how large a subject's state is: the median, and the largest."""
        sizes = sorted(len(life.blob) for life in self.lives)
        return {"median": sizes[len(sizes) // 2], "largest": sizes[-1]}

    def everybody(self) -> Iterator[Customer]:
        """Yield every customer."""
        return map(self.customer, range(self.n_subjects))


def _life(rng: np.random.Generator, rules: Rules, now_ms: int) -> Life:
    who = person(rng, SUBJECT)
    ways = tuple(tuple(_visit(rng, who)) for _ in range(N_WAYS))
    past = [tuple(_visit(rng, who)) for _ in range(N_VISITS)]
    return Life(ways, _remembered(past, rules, now_ms))


def _remembered(past: list[tuple[Template, ...]], rules: Rules, now_ms: int) -> bytes:
    subject, offset = NOBODY, 0
    nameless = Customer(0, SUBJECT.encode(), DEVICE.encode(), Life((), b""))
    for n, visit in enumerate(past):
        at_ms = now_ms - (len(past) - n) * DAY_MS
        for template in visit:
            at_ms += MINUTE_MS // 4
            offset += 1
            event = decode_event(template.filled(nameless, b"past-%d" % n, b"past-%d" % offset, at_ms))
            observed = Observed(device_subjects_1h=1, device_subjects_1d=1, device_subjects_30d=1)
            subject = step(subject, Sighting(event, offset, at_ms, offset, observed), rules).subject
    return pack(subject)


def _visit(rng: np.random.Generator, who: Person) -> Iterator[Template]:
    """Yield a login, then what else a visit brings in any order, and now and then a question at its end."""
    if rng.random() < FAILED:
        yield _template(Login, "login", assurance="claimed", outcome="failed", method="password", ip=who.home_ip)
    yield _template(Login, "login", outcome="success", method="password", ip=who.home_ip)
    makers = {"device": _device, "location": _location, "keystroke": _keystrokes, "pointer": _swipes}
    rest = np.array([SHARES[family] for family in makers])
    n_more = rng.poisson(EVENTS_A_VISIT * (1 - SHARES["login"] - SHARES["checkpoint"]))
    for family in rng.choice(list(makers), n_more, p=rest / rest.sum()):
        yield makers[str(family)](rng, who)
    if rng.random() < EVENTS_A_VISIT * SHARES["checkpoint"]:
        yield _question(rng)


def _device(_: np.random.Generator, who: Person) -> Template:
    width_px, height_px = SCREENS_PX[who.handsets[0].platform]
    screen = {"platform": who.handsets[0].platform, "screen_width_px": width_px, "screen_height_px": height_px}
    return _template(Device, "device", **screen, time_zone="Asia/Shanghai", rooted=False, emulator=False)


def _location(rng: np.random.Generator, who: Person) -> Template:
    gps = reported(rng, who.handsets[0], near(rng, who.home, 500.0))
    return _template(Location, "location", gps=gps, ip=who.home_ip)


def _keystrokes(rng: np.random.Generator, who: Person) -> Template:
    field = str(rng.choice(FIELDS))
    return _template(Keystroke, "keystroke", **typed(rng, who.hand, field, who.handsets[0].keyboard))


def _swipes(rng: np.random.Generator, _: Person) -> Template:
    n_points = int(rng.integers(8, 32))
    x_px, y_px = 500 + np.cumsum(rng.normal(0, 3, n_points)), 1800 - np.cumsum(rng.normal(30, 6, n_points))
    columns = {"t_ms": [16 * i for i in range(n_points)], "x_px": _rounded(x_px), "y_px": _rounded(y_px)}
    return _template(Pointer, "pointer", kind="touch", starts=[0], **columns)


def _rounded(values: Any) -> list[int]:
    return [round(float(value)) for value in values]


def _question(rng: np.random.Generator) -> Template:
    asked: dict[str, Any] = {"step": str(rng.choice(STEPS)), "attempt": 1, "application_id": "application-1"}
    if asked["step"] == "fund_transfer":
        asked |= {"draw_id": EVENT, "payee_ref": "payee-1", "amount": "1200.00", "currency": "CNY"}
    return _template(Checkpoint, "checkpoint", **asked)


def _template(event_type: Any, family: str, /, **fields: Any) -> Template:
    names = {"event_id": EVENT, "subject_id": SUBJECT, "session_id": SESSION, "device_id": DEVICE}
    clocks = {"seq": 0, "occurred_ms": OCCURRED_MS, "received_ms": RECEIVED_MS}
    envelope = names | clocks | {"assurance": "authenticated", "product_id": "cash-loan"}
    event = event_type(**envelope | fields)
    value = encode_event(event).replace(b"%", b"%%")
    places = ((EVENT, b"%b"), (SUBJECT, b"%b"), (SESSION, b"%b"), (DEVICE, b"%b"))
    for name, place in places:
        value = value.replace(name.encode(), place, 1)
    for ms in (OCCURRED_MS, RECEIVED_MS):
        value = value.replace(b"%d" % ms, b"%d", 1)
    return Template(family, value.replace(EVENT.encode(), b"draw-1"))
