"""Generated honest customers: what they use, where they live, how they type and what they are used to do."""

from typing import Literal, NamedTuple

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from menshen.contract.events import GpsFix
from menshen.learn.places import N_HOME_CITIES, Spot, broadband_ip, fix_at, spot_in
from menshen.learn.typists import Keyboard, Typist, somebody

Platform = Literal["android", "ios", "web", "harmony"]
PLATFORMS: tuple[Platform, ...] = ("android", "ios", "harmony", "web")
SCREENS_PX = {"android": (1080, 2400), "ios": (1170, 2532), "harmony": (1224, 2700), "web": (1920, 1080)}


class Handset(NamedTuple):
    """A device. One that reports early says what it is, and where, before anyone has logged in."""

    device_id: str
    platform: Platform
    early: bool
    has_gps: bool
    emulator: bool = False
    rooted: bool = False
    mocks: bool | None = None
    """What its system says about its fixes; None: it does not say."""

    @property
    def keyboard(self) -> Keyboard:
        """What one types on."""
        return "keyboard" if self.platform == "web" else "soft_keyboard"


class Person(Struct, frozen=True, kw_only=True):
    """An honest customer. The shares are of visits; `new_phone_day` counts from the first visit, -1 is never."""

    subject_id: str
    home: Spot
    home_ip: str
    handsets: tuple[Handset, ...]
    hand: Typist
    first_day: float
    visits_per_day: float
    new_phone_day: int = -1
    travels: float = 0.0
    tunnels: float = 0.0
    mistypes: float = 0.05
    pastes: float = 0.1
    nocturnal: bool = False
    forgets_cookies: bool = False
    """A browser that is a new device at each visit."""


def handset(rng: np.random.Generator, device_id: str, platform: Platform | None = None) -> Handset:
    """Return an ordinary device; some have no position, a few are rooted or play with their position."""
    kind = platform or PLATFORMS[int(rng.choice(4, p=[0.5, 0.2, 0.1, 0.2]))]
    has_gps = kind != "web" and rng.random() < 0.85
    if kind != "android":
        return Handset(device_id, kind, rng.random() < 0.5, has_gps)
    mocks = bool(rng.random() < 0.004) if rng.random() < 0.8 else None
    return Handset(device_id, kind, rng.random() < 0.5, has_gps, rooted=rng.random() < 0.02, mocks=mocks)


def reported(rng: np.random.Generator, device: Handset, spot: Spot) -> GpsFix | None:
    """Return the fix of a device at a spot: most give one, honest or not; silence must not look like guilt."""
    return fix_at(rng, spot, mocked=device.mocks) if device.has_gps and rng.random() < 0.9 else None


def person(rng: np.random.Generator, subject_id: str) -> Person:
    """Return somebody of the population at large."""
    home = spot_in(rng, int(rng.integers(N_HOME_CITIES)))
    n_handsets = int(rng.choice([1, 2, 3], p=[0.65, 0.3, 0.05]))
    handsets = tuple(handset(rng, f"{subject_id}-d{i}") for i in range(n_handsets))
    return Person(
        subject_id=subject_id,
        home=home,
        home_ip=broadband_ip(rng, home.city),
        handsets=handsets,
        hand=somebody(rng),
        first_day=rng.uniform(0, 20),
        visits_per_day=rng.uniform(0.08, 0.45),
        new_phone_day=int(rng.integers(5, 40)) if rng.random() < 0.15 else -1,
        travels=rng.uniform(0.1, 0.5) if rng.random() < 0.15 else 0.0,
        tunnels=rng.uniform(0.1, 0.9) if rng.random() < 0.08 else 0.0,
        mistypes=rng.uniform(0.02, 0.15),
        pastes=rng.uniform(0.0, 0.3),
        nocturnal=rng.random() < 0.1,
        forgets_cookies=handsets[0].platform == "web" and rng.random() < 0.2,
    )


def family(rng: np.random.Generator, prefix: str, n_members: int) -> list[Person]:
    """Return people of one household, who share its address and a tablet."""
    members = [person(rng, f"{prefix}-m{i}") for i in range(n_members)]
    tablet = handset(rng, f"{prefix}-tablet", "android")
    shared = members[0]
    return [_moved_in(member, shared, tablet) for member in members]


def _moved_in(member: Person, head: Person, tablet: Handset) -> Person:
    return replace(member, home=head.home, home_ip=head.home_ip, handsets=(*member.handsets, tablet))
