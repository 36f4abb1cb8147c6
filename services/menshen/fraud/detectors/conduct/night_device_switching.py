"""Does the subject go from device to device at night?"""

from dataclasses import dataclass
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import replace

from menshen.contract.events import Envelope, Event, Location, Login
from menshen.fraud.detector import CERTAIN, DetectorState, Finding, Layer, Reading
from menshen.fraud.sighting import Sighting
from menshen.fraud.tagging import tag

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
DEGREES_AN_HOUR = 15


class Switch(Struct, frozen=True, gc=False, array_like=True):
    """A login at night on another device than the one before; the night is counted in days since 1970."""

    device: bytes
    night: int


class NightDeviceSwitchingState(DetectorState, frozen=True, gc=False, array_like=True):
    """The device of the last login, the newest switches at night, and the meridian of the last fix."""

    device: bytes = b""
    switches: tuple[Switch, ...] = ()
    meridian_deg: int | None = None


@dataclass(frozen=True, slots=True)
class NightDeviceSwitching:
    """Doubt logins of somebody who has often changed the login device at night.

    Night is from midnight to `night_ends_h` by the sun where the customer is: the last fix tells, else this login's
    address, else `utc_offset_h`. (The handset's own time zone is a name; what it means stands in files, which may not
    be read here.) Fires the more, the more switches on several nights and the more devices beyond what people usually
    have, the milder of the two counting; by day too, since the habit weighs, not the hour.

    Must not fire for one switch, for one restless night, for switches by day, nor for somebody who goes back and forth
    between a phone and a tablet.

    It learns from logins that succeeded and that teach. The times are the broker's.

    Parameters
    ----------
    night_ends_h : float
        The hour at which night ends; larger is stricter. 5.
    utc_offset_h : float
        Local time where the place is not known. 8, China.
    window_nights : int
        How many nights back a switch counts. 14.
    least_nights : int
        Fewer nights are never doubted. 2.
    tolerated, certain : int
        Switches up to which nothing is doubted, and from which the doubt is full; the second is also how many are
        remembered. 3 and 8.
    usual_devices, certain_devices : int
        The same for the devices switched to. 2 and 5.
    stands_ms : int
        How long a doubt weighs on the session. 30 minutes.
    """

    night_ends_h: float = 5.0
    utc_offset_h: float = 8.0
    window_nights: int = 14
    least_nights: int = 2
    tolerated: int = 3
    certain: int = 8
    usual_devices: int = 2
    certain_devices: int = 5
    stands_ms: int = 30 * 60_000

    name = "night_device_switching"
    layer: ClassVar[Layer] = "conduct"
    codes = ("NIGHT_DEVICE_SWITCHING",)
    features = ("night_switches",)
    listens: ClassVar[tuple[type[Envelope], ...]] = (Login, Location)
    state = NightDeviceSwitchingState

    def step(self, state: NightDeviceSwitchingState, sighting: Sighting, /) -> Reading:
        """Judge a login by the switches of the last nights, its own included; learn it where that is allowed."""
        event = sighting.event
        if not isinstance(event, Login):
            return Reading(_with_meridian(state, sighting))
        if event.outcome == "failed" or event.device_id is None:
            return Reading(state)
        local_ms = sighting.appended_ms + int(HOUR_MS * self._offset_h(state, sighting))
        after = self._after_login(state, tag(event.device_id), local_ms)
        recent = [s for s in after.switches if local_ms // DAY_MS - s.night < self.window_nights]
        findings = self._doubts(recent) if len(recent) > self.tolerated else ()
        learned = after if after is state or sighting.teaches else state
        return Reading(learned, findings, {"night_switches": float(len(recent))})

    def _offset_h(self, state: NightDeviceSwitchingState, sighting: Sighting) -> float:
        if state.meridian_deg is not None:
            return state.meridian_deg / DEGREES_AN_HOUR
        place = sighting.observed.ip_place
        return self.utc_offset_h if place is None or place.anonymous else place.longitude_deg / DEGREES_AN_HOUR

    def _after_login(self, state: NightDeviceSwitchingState, device: bytes, local_ms: int) -> NightDeviceSwitchingState:
        if state.device == device:
            return state
        by_night = local_ms % DAY_MS < self.night_ends_h * HOUR_MS
        if not by_night or not state.device:
            return replace(state, device=device)
        switches = (*state.switches, Switch(device, local_ms // DAY_MS))[-self.certain :]
        return replace(state, device=device, switches=switches)

    def _doubts(self, recent: list[Switch]) -> tuple[Finding, ...]:
        nights, devices = {switch.night for switch in recent}, {switch.device for switch in recent}
        often_pm = CERTAIN * (len(recent) - self.tolerated) // (self.certain - self.tolerated)
        many_pm = CERTAIN * (len(devices) - self.usual_devices) // (self.certain_devices - self.usual_devices)
        doubt_pm = min(CERTAIN, often_pm, many_pm)
        if doubt_pm < 1 or len(nights) < self.least_nights:
            return ()
        figures = {"switches": len(recent), "nights": len(nights), "devices": len(devices)}
        evidence = {name: float(n) for name, n in figures.items()}
        return (Finding("NIGHT_DEVICE_SWITCHING", doubt_pm, self.stands_ms, evidence),)


def _with_meridian(state: NightDeviceSwitchingState, sighting: Sighting) -> NightDeviceSwitchingState:
    meridian_deg = _meridian_deg(sighting.event)
    if meridian_deg in (None, state.meridian_deg) or not sighting.teaches:
        return state
    return replace(state, meridian_deg=meridian_deg)


def _meridian_deg(event: Event) -> int | None:
    """Return the longitude of a fix; the position 0, 0 is how software says that it has none."""
    fix = event.gps if type(event) is Location else None
    if fix is None or fix.mocked or fix.latitude_deg == fix.longitude_deg == 0:
        return None
    return round(fix.longitude_deg)
