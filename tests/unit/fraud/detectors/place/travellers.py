"""Places, fixes, addresses and logins for the place detectors' tests."""

from typing import Any

from msgspec.structs import replace

from menshen.contract.assessment import IpPlace, Observed
from menshen.contract.events import GpsFix, Location, Login
from menshen.fraud.maths.geodesy import Position
from menshen.fraud.sighting import Sighting

BEIJING, TIANJIN, SHANGHAI = Position(39.9042, 116.4074), Position(39.3434, 117.3616), Position(31.2304, 121.4737)
CHENGDU, NEW_YORK = Position(30.5728, 104.0668), Position(40.7128, -74.0060)
MINUTE_MS, HOUR_MS = 60_000, 3_600_000


def disc(position: Position, radius_km: float = 20.0, **said: Any) -> IpPlace:
    """Return where an address is registered."""
    fields = {"country": "CN", "latitude_deg": position.latitude_deg, "longitude_deg": position.longitude_deg}
    return IpPlace(**{**fields, "radius_m": 1000 * radius_km, **said})


def gps(position: Position, accuracy_m: float = 15.0, **said: Any) -> GpsFix:
    """Return a handset's fix, not rounded as the names' coordinates are."""
    fields = {"latitude_deg": position.latitude_deg + 1.23e-5, "longitude_deg": position.longitude_deg + 3.21e-5}
    return GpsFix(**{**fields, "accuracy_m": accuracy_m, **said})


def location(at_ms: int, fix: GpsFix | None = None, address: IpPlace | None = None, **said: Any) -> Sighting:
    """Return an authenticated location event of session `v`, delivered at once."""
    return _seen(Location(**_envelope(at_ms), gps=fix), at_ms, address, said)


def login(at_ms: int, address: IpPlace | None = None, **said: Any) -> Sighting:
    """Return an authenticated login in session `v`, delivered at once."""
    return _seen(Login(**_envelope(at_ms), outcome="success", method="password"), at_ms, address, said)


def _envelope(at_ms: int) -> dict[str, Any]:
    ids = {"event_id": f"e{at_ms}", "subject_id": "s", "session_id": "v", "product_id": "p"}
    return {**ids, "seq": 0, "occurred_ms": at_ms, "received_ms": at_ms, "assurance": "authenticated"}


def _seen(event: Location | Login, at_ms: int, address: IpPlace | None, said: dict[str, Any]) -> Sighting:
    return Sighting(replace(event, **said), 0, at_ms, 0, Observed(ip_place=address))
