"""Where the demonstration plays: cities, and a base of addresses that are kept for documentation."""

from ipaddress import IPv4Network
from pathlib import Path
from typing import NamedTuple

from menshen.contract.events import GpsFix
from menshen.shell.lifeline import ServerError

NEARBY_DEG = 0.0007
"""A step of some 80 m from one fix to the next: nobody stands on one spot."""


class Place(NamedTuple):
    """The middle of a city, and the network whose addresses are registered there."""

    name: str
    country: str
    latitude_deg: float
    longitude_deg: float
    network: IPv4Network
    anonymous: bool = False

    def address(self, number: int) -> str:
        """Return one of the network's addresses."""
        return str(self.network[1 + number % (self.network.num_addresses - 2)])

    def fix(self, number: int, *, mocked: bool = False) -> GpsFix:
        """Return what a handset reports here, the next time from a few steps away."""
        step_deg = NEARBY_DEG * (number % 7 - 3)
        return GpsFix(
            latitude_deg=round(self.latitude_deg + step_deg, 6),
            longitude_deg=round(self.longitude_deg - step_deg, 6),
            accuracy_m=18.0,
            mocked=mocked,
        )


SHENZHEN = Place("Shenzhen", "CN", 22.54347, 114.05786, IPv4Network("192.0.2.0/26"))
BEIJING = Place("Beijing", "CN", 39.90419, 116.40741, IPv4Network("192.0.2.64/26"))
VIENTIANE = Place("Vientiane", "LA", 17.97571, 102.63311, IPv4Network("198.51.100.0/26"))
TUNNEL = Place("a VPN's exit", "SG", 1.35208, 103.81984, IPv4Network("203.0.113.0/26"), anonymous=True)
PLACES = (SHENZHEN, BEIJING, VIENTIANE, TUNNEL)


def write_base(path: Path) -> None:
    """Write the addresses as a city base in MMDB format; raise ServerError where the writer is not installed."""
    try:
        from mmdb_writer import MMDBWriter  # noqa: PLC0415  # comes with the extra that the demonstration needs
        from netaddr import IPSet  # type: ignore[import-untyped]  # noqa: PLC0415  # has no types
    except ModuleNotFoundError as missing:
        raise ServerError(f"{missing.name} is not installed: pip install 'menshen[embedded]'") from None
    base = MMDBWriter(ip_version=4, database_type="Menshen-Demo-City")
    for place in PLACES:
        base.insert_network(IPSet([str(place.network)]), _record(place))
    base.to_db_file(str(path))


def _record(place: Place) -> dict[str, dict[str, object]]:
    return {
        "country": {"iso_code": place.country},
        "location": {"latitude": place.latitude_deg, "longitude": place.longitude_deg, "accuracy_radius": 20},
        "traits": {"is_anonymous_vpn": place.anonymous},
    }
