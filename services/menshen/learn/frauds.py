"""Generated frauds. Each gives itself away differently; some hardly do, so that no score can look perfect."""

from collections.abc import Callable

import numpy as np

from menshen.contract.events import ChallengeMethod, GpsFix
from menshen.learn.lives import N_DAYS, PATH, moment_ms
from menshen.learn.people import Handset, Person, handset, reported
from menshen.learn.places import CITIES, broadband_ip, carrier_ip, fix_at, near, other_city, spot_in, tunnel_ip
from menshen.learn.typists import Script, Typist, script, somebody
from menshen.learn.visits import Plan, Told, Visit

FIRST_NUMBER = 1000
"""Numbers of thieves' visits begin here, out of the way of the victim's own."""


def stolen_far(rng: np.random.Generator, victim: Person, name: str) -> list[Told]:
    """Take over an account from another city or country, on a device that the victim never had."""
    city = other_city(rng, victim.home.city, len(CITIES))
    spot, device = spot_in(rng, city), handset(rng, name)
    ip = tunnel_ip(rng, city) if rng.random() < 0.3 else broadband_ip(rng, city)
    plan = _draw(rng, device, somebody(rng), ip, reported(rng, device, spot))
    return _take_over(rng, victim, plan, "stolen_far")


def stolen_near(rng: np.random.Generator, victim: Person, name: str) -> list[Told]:
    """Take over the account of a flatmate: same place, same network, another phone and another hand."""
    device, spot = handset(rng, name), near(rng, victim.home, 2_000)
    ip = victim.home_ip if rng.random() < 0.6 else carrier_ip(rng, victim.home.city)
    plan = _draw(rng, device, somebody(rng), ip, reported(rng, device, spot))
    return _take_over(rng, victim, plan, "stolen_near")


def mocked_gps(rng: np.random.Generator, victim: Person, name: str) -> list[Told]:
    """Take over an account from afar, with a GPS position that says the victim's home."""
    device = handset(rng, name, "android")._replace(rooted=rng.random() < 0.4, emulator=rng.random() < 0.3)
    gps = fix_at(rng, near(rng, victim.home, 500), mocked=bool(rng.random() < 0.6))
    city = other_city(rng, victim.home.city, len(CITIES))
    ip = tunnel_ip(rng, city) if rng.random() < 0.4 else broadband_ip(rng, city)
    return _take_over(rng, victim, _draw(rng, device, somebody(rng), ip, gps), "mocked_gps")


def night_ring(rng: np.random.Generator, victim: Person, name: str) -> list[Told]:
    """Pass a stolen account round at night: several devices, one after the other, within hours."""
    night = int(rng.uniform(victim.first_day + 1, N_DAYS)) + rng.uniform(0.02, 0.1)
    told = list[Told]()
    for i in range(int(rng.integers(3, 6))):
        device, spot = handset(rng, f"{name}-{i}"), spot_in(rng, int(rng.integers(12)))
        gps, start_ms = reported(rng, device, spot), moment_ms(night + 0.03 * i)
        plan = _draw(rng, device, somebody(rng), broadband_ip(rng, spot.city), gps)
        told += Visit(rng, victim.subject_id, FIRST_NUMBER + i, start_ms, story="night_ring").follow(plan)
    return told


def stuffed(rng: np.random.Generator, victim: Person, name: str) -> list[Told]:
    """Try leaked passwords from changing addresses; where one fits, a person comes and draws."""
    day, robot = rng.uniform(victim.first_day, N_DAYS), handset(rng, name, "web")
    told = list[Told]()
    for i in range(int(rng.integers(1, 4))):
        ip, n_failed = tunnel_ip(rng, int(rng.integers(len(CITIES)))), int(rng.integers(2, 6))
        plan = Plan(handset=robot, hand=script(rng), ip=ip, n_failed=n_failed, succeeds=False)
        start_ms = moment_ms(day + 0.01 * i)
        told += Visit(rng, victim.subject_id, FIRST_NUMBER + i, start_ms, story="stuffed").follow(plan)
    if rng.random() < 0.4:
        device, spot = handset(rng, f"{name}-hand"), spot_in(rng, int(rng.integers(12)))
        gps, start_ms = reported(rng, device, spot), moment_ms(day + 0.1)
        plan = _draw(rng, device, somebody(rng), broadband_ip(rng, spot.city), gps)
        told += Visit(rng, victim.subject_id, FIRST_NUMBER + 9, start_ms, story="stuffed").follow(plan)
    return told


TAKE_OVERS: tuple[Callable[[np.random.Generator, Person, str], list[Told]], ...] = (
    stolen_far,
    stolen_near,
    mocked_gps,
    night_ring,
    stuffed,
)
"""Frauds on an honest customer's account."""


def robots(rng: np.random.Generator, name: str, n_accounts: int) -> list[Told]:
    """Open accounts with a program: scripted typing, emulators, a fresh identifier and address for each."""
    told, day, hand = list[Told](), rng.uniform(0, N_DAYS - 2), script(rng)
    for i in range(n_accounts):
        device = handset(rng, f"{name}-d{i}", "android")._replace(emulator=rng.random() < 0.4)
        spot = spot_in(rng, int(rng.integers(12)))
        ip = broadband_ip(rng, spot.city) if rng.random() < 0.6 else tunnel_ip(rng, spot.city)
        form = _form(device, hand, ip, reported(rng, device, spot))
        told += _opened(rng, f"{name}-s{i}", day + 0.02 * i, form, "robots")
    return told


def farm(rng: np.random.Generator, name: str, n_accounts: int) -> list[Told]:
    """Open many accounts within a day on a few handsets, by hand, in one room."""
    return _farmed(rng, name, n_accounts, days_apart=0.03, story="farm")


def slow_farm(rng: np.random.Generator, name: str, n_accounts: int) -> list[Told]:
    """Do the same over weeks, one or two accounts a handset and day."""
    return _farmed(rng, name, n_accounts, days_apart=rng.uniform(0.4, 1.2), story="slow_farm")


FACTORIES: tuple[Callable[[np.random.Generator, str, int], list[Told]], ...] = (robots, farm, slow_farm)
"""Frauds on accounts opened for the purpose."""


def _take_over(rng: np.random.Generator, victim: Person, plan: Plan, story: str) -> list[Told]:
    day, told = rng.uniform(victim.first_day + 0.5, N_DAYS), list[Told]()
    for i in range(int(rng.integers(1, 4))):
        start_ms = moment_ms(day + i * rng.uniform(0.1, 0.8))
        told += Visit(rng, victim.subject_id, FIRST_NUMBER + i, start_ms, story=story).follow(plan)
    return told


def _draw(rng: np.random.Generator, device: Handset, hand: Typist | Script, ip: str, gps: GpsFix | None) -> Plan:
    proof: ChallengeMethod | None = "otp" if rng.random() < 0.2 else None
    fields = ("amount", "free_text")[: int(rng.integers(0, 3))]
    n_failed, amount = int(rng.choice([0, 1, 2, 4], p=[0.6, 0.2, 0.1, 0.1])), float(rng.uniform(2_000, 60_000))
    return Plan(
        handset=device,
        hand=hand,
        ip=ip,
        gps=gps,
        n_failed=n_failed,
        passes=proof,
        fields=fields,
        pastes=0.3,
        steps=("fund_transfer",),
        amount=amount,
    )


def _form(device: Handset, hand: Typist | Script, ip: str, gps: GpsFix | None) -> Plan:
    fields = ("name", "phone", "identity", "free_text")
    return Plan(handset=device, hand=hand, ip=ip, gps=gps, by_code=True, fields=fields, pastes=0.2, steps=PATH)


def _opened(rng: np.random.Generator, subject_id: str, day: float, form: Plan, story: str) -> list[Told]:
    opening = Visit(rng, subject_id, 0, moment_ms(day), story=story).follow(form)
    draw = _draw(rng, form.handset, form.hand, form.ip, form.gps)
    return opening + Visit(rng, subject_id, 1, moment_ms(day + rng.uniform(0.2, 2)), story=story).follow(draw)


def _farmed(rng: np.random.Generator, name: str, n_accounts: int, *, days_apart: float, story: str) -> list[Told]:
    room, told = spot_in(rng, int(rng.integers(12))), list[Told]()
    devices = [handset(rng, f"{name}-d{i}", "android") for i in range(max(1, n_accounts // 6))]
    hands, ip = [somebody(rng) for _ in range(3)], broadband_ip(rng, room.city)
    day = rng.uniform(0, max(1.0, N_DAYS - days_apart * n_accounts))
    for i in range(n_accounts):
        device, hand = devices[i % len(devices)], hands[int(rng.integers(3))]
        where = ip if rng.random() < 0.6 else carrier_ip(rng, room.city)
        form = _form(device, hand, where, reported(rng, device, room))
        told += _opened(rng, f"{name}-s{i}", day + days_apart * i, form, story)
    return told
