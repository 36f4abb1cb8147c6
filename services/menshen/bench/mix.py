"""The events of a crowd in the order in which they come: many visits at once, interleaved."""

import itertools
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from menshen.bench.crowd import Crowd, Customer, Template
from menshen.contract.events import TYPE_OF
from menshen.detect.shedding import TELEMETRY

VISITS_AT_ONCE = 400
FLOODING = frozenset(TYPE_OF[family] for family in TELEMETRY)
HOT_SUBJECT, HOT_DEVICE, N_HOT = b"hot-", b"d-hot", 2_000
"""Who logs in on the hot device: so many people, one after the other, again and again."""


class Due(NamedTuple):
    """An event that is to be sent: whose, of which family, and the bytes once the moment is known."""

    customer: Customer
    session: bytes
    event: bytes
    template: Template

    def value(self, now_ms: int) -> bytes:
        """Return the record's value, for a broker that gets it now."""
        return self.template.filled(self.customer, self.session, self.event, now_ms)


def events(crowd: Crowd, *, seed: int = 1, run: str = "") -> Iterator[Due]:
    """Yield events without end. Same arguments, same events; `run` sets one run's ids apart from another's."""
    chance = Random(seed)  # noqa: S311  # a load, not a secret
    visits = [_visit(crowd, chance, f"{run}{n}") for n in range(VISITS_AT_ONCE)]
    n_visits = len(visits)
    while True:
        place = chance.randrange(VISITS_AT_ONCE)
        due = next(visits[place], None)
        while due is None:
            visits[place] = _visit(crowd, chance, f"{run}{n_visits}")
            n_visits += 1
            due = next(visits[place], None)
        yield due


def _visit(crowd: Crowd, chance: Random, name: str) -> Iterator[Due]:
    customer = crowd.customer(chance.randrange(crowd.n_subjects))
    session = b"v-" + name.encode()
    for n, template in enumerate(chance.choice(customer.life.ways)):
        yield Due(customer, session, b"e-%b-%d" % (name.encode(), n), template)


def telemetry(crowd: Crowd, *, run: str = "") -> Iterator[Due]:
    """Yield telemetry alone: a flood, as an app that repeats itself sends."""
    return (due for due in events(crowd, run=run) if due.template.family in FLOODING)


def hot(crowd: Crowd, *, run: str = "") -> Iterator[Due]:
    """Yield logins of ever other people on one and the same device: a farm."""
    for n in itertools.count():
        life = crowd.lives[n % len(crowd.lives)]
        who = Customer(n, HOT_SUBJECT + b"%d" % (n % N_HOT), HOT_DEVICE, life)
        login = next(template for template in life.ways[0] if template.family == "login")
        yield Due(who, b"v-%b%d" % (run.encode(), n), b"e-%b%d" % (run.encode(), n), login)
