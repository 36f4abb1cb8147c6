"""The applications of the demonstration are made at the time at which it is run: what they bring is judged alike."""

from collections.abc import Callable
from functools import partial

import pytest
from tests.unit.demo.rehearsing import HOUR_MS, MIDNIGHT_MS, Rehearsal

from menshen.demo.gate.borrower import PAST
from menshen.demo.gate.tales import NEW_DEVICE, STRANGER, THIEF
from menshen.demo.people import Customer, Visit
from menshen.demo.places import BEIJING, SHENZHEN, Place, write_base
from menshen.demo.scenarios import Scenario
from menshen.demo.story import ALLOWED, DAY_MS, N_DAYS, Story

Tale = Callable[..., None]
LATER_MS = 2_000


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    base = tmp_path_factory.mktemp("places") / "places.mmdb"
    write_base(base)
    return Rehearsal(base)


def known(story: Story, home: Place) -> Customer:
    customer = Customer(story, home)
    customer.live(PAST)
    return customer


def open_line(visit: Visit) -> Visit:
    visit.begin().write().ask("eligibility", ALLOWED).prove("face").ask("agreement", ALLOWED)
    return visit.prove("otp").prove("face").ask("limit_activation", ALLOWED)


def draws(story: Story, now_ms: int) -> None:
    open_line(known(story, SHENZHEN).come(now_ms)).draw("3000.00", ALLOWED)


def is_robbed(story: Story, now_ms: int) -> None:
    owner = known(story, BEIJING)
    open_line(owner.come(now_ms)).draw("2500.00", ALLOWED)
    thief = owner.come(now_ms + LATER_MS, **STRANGER._asdict()).begin(None).write()
    thief.draw("17000.00", THIEF)


def buys_a_phone(story: Story, now_ms: int) -> None:
    owner = known(story, SHENZHEN)
    open_line(owner.come(now_ms))
    visit = owner.come(now_ms + LATER_MS, device_id="bought-today").begin(NEW_DEVICE).write()
    visit.draw("4200.00", NEW_DEVICE).prove("face").draw("4200.00", ALLOWED)


@pytest.mark.parametrize("tale", [draws, is_robbed, buys_a_phone])
@pytest.mark.parametrize("hour", [0, 2, 4, 6, 12, 18, 23])
def test_who_comes_now_is_judged_alike_at_any_hour(rehearsal: Rehearsal, tale: Tale, hour: int) -> None:
    now_ms = MIDNIGHT_MS + N_DAYS * DAY_MS + hour * HOUR_MS
    scenario = Scenario("now", "", partial(tale, now_ms=now_ms))
    checks = rehearsal.checks(scenarios=[scenario])
    assert [f"{c.row.what}: {c.expected} | {c.got}" for c in checks if not c.held] == []
    assert len(checks) > len(PAST)
