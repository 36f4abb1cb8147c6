"""Where an address is registered, from a city base in MMDB format; without a base, addresses have no place."""

from ipaddress import ip_address
from pathlib import Path
from typing import Any

import maxminddb

from menshen.contract.assessment import IpPlace
from menshen.shell.errors import Refusal

LEAST_RADIUS_M = 20_000.0
_ANONYMOUS = ("is_anonymous", "is_anonymous_vpn", "is_hosting_provider", "is_public_proxy", "is_tor_exit_node")


class GeoBase:
    """Looks addresses up. `version` names the base and its build, for the record of every judgement."""

    def __init__(self, path: Path | None) -> None:
        """Open the base. Raises `Refusal` if the file is missing or damaged."""
        self._reader: Any = None
        self.version = ""
        if path is None:
            return
        try:
            self._reader = maxminddb.open_database(path, maxminddb.MODE_MEMORY)
        except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
            raise Refusal(f"MENSHEN_GEOIP_FILE: {path}: {error}") from error
        described = self._reader.metadata()
        self.version = f"{described.database_type}@{described.build_epoch}"

    def locate(self, address: str | None) -> IpPlace | None:
        """Return the disc of an address, or None where the base knows none; text that is no address has none either."""
        if self._reader is None or address is None:
            return None
        try:
            found = self._reader.get(ip_address(address))
        except ValueError:
            return None
        return _place(found) if isinstance(found, dict) else None


def _place(record: dict[str, Any]) -> IpPlace | None:
    location = record.get("location") or {}
    latitude, longitude = location.get("latitude"), location.get("longitude")
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        return None
    country = (record.get("country") or {}).get("iso_code") or ""
    traits = record.get("traits") or {}
    return IpPlace(
        country=str(country),
        latitude_deg=float(latitude),
        longitude_deg=float(longitude),
        radius_m=max(LEAST_RADIUS_M, 1000.0 * float(location.get("accuracy_radius") or 0)),
        anonymous=any(traits.get(name) or record.get(name) for name in _ANONYMOUS),
    )
