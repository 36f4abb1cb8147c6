"""Generated places: cities, spots, GPS fixes, and addresses that are registered (mostly) where they are used."""

from typing import NamedTuple

import numpy as np

from menshen.contract.assessment import IpPlace
from menshen.contract.events import GpsFix

M_PER_DEG = 111_195.0
N_CARRIER_GATEWAYS = 12
"""Mobile carriers hide a city behind a few addresses: many honest customers share one."""


class City(NamedTuple):
    """The middle of a city."""

    latitude_deg: float
    longitude_deg: float
    country: str = "CN"


CITIES = (
    City(39.90, 116.41),
    City(31.23, 121.47),
    City(23.13, 113.26),
    City(22.54, 114.06),
    City(30.57, 104.07),
    City(29.56, 106.55),
    City(30.59, 114.31),
    City(34.34, 108.94),
    City(45.80, 126.53),
    City(43.83, 87.62),
    City(25.04, 102.71),
    City(36.07, 120.38),
    City(11.56, 104.92, "KH"),
    City(16.84, 96.17, "MM"),
    City(1.35, 103.82, "SG"),
    City(40.71, -74.01, "US"),
)
N_HOME_CITIES = 12
"""Customers live in the first of them; the rest are seen on journeys and in frauds."""


class Spot(NamedTuple):
    """Where somebody is."""

    city: int
    latitude_deg: float
    longitude_deg: float


def spot_in(rng: np.random.Generator, city: int) -> Spot:
    """Return a spot within some kilometres of the middle of a city."""
    return near(rng, Spot(city, CITIES[city].latitude_deg, CITIES[city].longitude_deg), 7_000.0)


def near(rng: np.random.Generator, spot: Spot, within_m: float) -> Spot:
    """Return a spot that lies about so far from another."""
    north_m, east_m = rng.normal(0, within_m, 2)
    longitude_deg = spot.longitude_deg + east_m / M_PER_DEG / np.cos(np.radians(spot.latitude_deg))
    return Spot(spot.city, float(spot.latitude_deg + north_m / M_PER_DEG), float(longitude_deg))


def other_city(rng: np.random.Generator, city: int, n_cities: int = N_HOME_CITIES) -> int:
    """Return another one of the first so many cities."""
    return int((city + rng.integers(1, n_cities)) % n_cities)


def fix_at(rng: np.random.Generator, spot: Spot, *, mocked: bool | None = None) -> GpsFix:
    """Return what a handset reports at a spot: off by about its accuracy, which is poor indoors."""
    accuracy_m = float(np.clip(rng.lognormal(3.0, 0.8), 3, 2_000))
    seen = near(rng, spot, accuracy_m / 1.5)
    latitude_deg, longitude_deg = round(seen.latitude_deg, 6), round(seen.longitude_deg, 6)
    return GpsFix(
        latitude_deg=latitude_deg, longitude_deg=longitude_deg, accuracy_m=round(accuracy_m, 1), mocked=mocked
    )


def broadband_ip(rng: np.random.Generator, city: int) -> str:
    """Return an address of a household: few people share it."""
    return f"10.{city}.{rng.integers(256)}.{rng.integers(256)}"


def carrier_ip(rng: np.random.Generator, city: int) -> str:
    """Return one of the addresses behind which a carrier hides a city."""
    return f"100.{64 + city}.0.{rng.integers(N_CARRIER_GATEWAYS)}"


def tunnel_ip(rng: np.random.Generator, city: int) -> str:
    """Return the exit of a VPN or proxy service that the place base knows as one."""
    return f"172.{16 + city}.9.{rng.integers(64)}"


def place_of_ip(ip: str) -> IpPlace | None:
    """Return where the generated place base has an address.

    As real bases do, it knows nothing of some networks and puts others into the wrong city.
    """
    network, second, third, fourth = (int(part) for part in ip.split("."))
    city = second - {10: 0, 100: 64, 172: 16}[network]
    if network == 10 and fourth % 25 == 0:
        return None
    if network == 10 and third % 40 == 0:
        city = (city + 1) % N_HOME_CITIES
    middle, radius_m = CITIES[city], 25_000.0 if network == 10 else 60_000.0
    return IpPlace(
        country=middle.country,
        latitude_deg=middle.latitude_deg,
        longitude_deg=middle.longitude_deg,
        radius_m=radius_m,
        anonymous=network == 172,
    )
