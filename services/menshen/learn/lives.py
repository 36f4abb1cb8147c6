"""What honest customers do over some weeks: apply, come back, travel, mistype, buy a phone, forget their cookies."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from menshen.contract.events import ChallengeMethod, Step
from menshen.learn.people import Handset, Person, handset, reported
from menshen.learn.places import CITIES, Spot, broadband_ip, carrier_ip, near, other_city, spot_in, tunnel_ip
from menshen.learn.visits import HONEST, Plan, Told, Visit

START_MS = 1_736_092_800_000
"""A Monday, midnight in Beijing."""
DAY_MS = 86_400_000
N_DAYS = 60.0
MOVES_AFTER_DAYS = 0.25
"""Nobody is seen in another city sooner: trains and planes take their time."""
PATH: tuple[Step, ...] = ("eligibility", "agreement", "limit_activation")
ABROAD = len(CITIES) - 1
"""The cities to which journeys go; the last one is too far for `MOVES_AFTER_DAYS`."""


class Stay(NamedTuple):
    """Where a customer was seen last, and on which day."""

    spot: Spot
    day: float


def moment_ms(day: float) -> int:
    """Return the time of a day, counted from the start."""
    return START_MS + int(day * DAY_MS)


def life(rng: np.random.Generator, person: Person) -> list[Told]:
    """Return all that an honest customer does."""
    told, stay = list[Told](), Stay(person.home, person.first_day)
    for number, day in enumerate(sorted(_days(rng, person))):
        stay = _next_stay(rng, person, stay, day)
        plan = _plan(rng, person, stay, number)
        told += Visit(rng, person.subject_id, number, moment_ms(day), story=HONEST).follow(plan)
    return told


def _days(rng: np.random.Generator, person: Person) -> Iterator[float]:
    day = person.first_day
    while day < N_DAYS:
        moment = int(day) + _hour(rng, nocturnal=person.nocturnal) / 24
        yield moment
        day = max(day, moment) + max(0.02, rng.exponential(1 / person.visits_per_day))


def _hour(rng: np.random.Generator, *, nocturnal: bool) -> float:
    if nocturnal or rng.random() < 0.03:
        return float(rng.normal(1, 2) % 24)
    return float(np.clip(rng.normal(14.5, 4), 6.5, 23.9))


def _next_stay(rng: np.random.Generator, person: Person, stay: Stay, day: float) -> Stay:
    if day - stay.day < MOVES_AFTER_DAYS:
        return Stay(stay.spot, day)
    if rng.random() >= person.travels:
        return Stay(near(rng, person.home, 1_500), day)
    city = other_city(rng, person.home.city, ABROAD if rng.random() < 0.15 else 12)
    return Stay(spot_in(rng, city), day)


def _plan(rng: np.random.Generator, person: Person, stay: Stay, number: int) -> Plan:
    device, is_new = _device(rng, person, stay.day, number)
    n_failed = int(min(5, rng.geometric(0.6))) if rng.random() < person.mistypes else 0
    steps, amount = _steps(rng, number)
    return Plan(
        handset=device,
        hand=person.hand,
        ip=_ip(rng, person, stay.spot, device),
        gps=reported(rng, device, stay.spot),
        n_failed=n_failed,
        by_code=n_failed > 3 or rng.random() < 0.1,
        passes=_proof(rng, is_new=is_new),
        fields=_fields(rng, number),
        pastes=person.pastes,
        steps=steps,
        amount=amount,
    )


def _device(rng: np.random.Generator, person: Person, day: float, number: int) -> tuple[Handset, bool]:
    if person.forgets_cookies:
        return person.handsets[0]._replace(device_id=f"{person.subject_id}-w{number}"), False
    if 0 <= person.new_phone_day <= day - person.first_day:
        fresh = day - person.first_day - person.new_phone_day < 2
        replacement = handset(np.random.default_rng(person.new_phone_day), f"{person.subject_id}-new")
        return replacement, fresh
    others = person.handsets[1:]
    is_main = not others or rng.random() < 0.8
    return (person.handsets[0] if is_main else others[int(rng.integers(len(others)))]), False


def _ip(rng: np.random.Generator, person: Person, spot: Spot, device: Handset) -> str:
    if rng.random() < person.tunnels:
        return tunnel_ip(rng, int(rng.integers(len(CITIES))))
    at_home = spot.city == person.home.city
    if device.platform != "web" and rng.random() < 0.45:
        return carrier_ip(rng, spot.city)
    return person.home_ip if at_home and rng.random() < 0.9 else broadband_ip(rng, spot.city)


def _proof(rng: np.random.Generator, *, is_new: bool) -> ChallengeMethod | None:
    if rng.random() < (0.6 if is_new else 0.05):
        return "face" if rng.random() < 0.6 else "otp"
    return None


def _fields(rng: np.random.Generator, number: int) -> tuple[str, ...]:
    if number == 0:
        return ("name", "phone", "identity", "free_text")
    chosen = rng.choice(["amount", "phone", "free_text", "free_text"], int(rng.integers(0, 3)))
    return tuple(str(field) for field in chosen)


def _steps(rng: np.random.Generator, number: int) -> tuple[tuple[Step, ...], float]:
    """Return what is asked for: first the application's path, then a draw now and then; and the amount in yuan."""
    if number < len(PATH):
        return PATH[number : number + 1], 0.0
    draws: tuple[Step, ...] = ("fund_transfer",)
    return (draws if rng.random() < 0.5 else ()), float(np.clip(rng.lognormal(8, 0.8), 100, 60_000))
