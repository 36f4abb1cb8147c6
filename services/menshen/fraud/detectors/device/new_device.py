"""Is this device new for this subject?"""

from dataclasses import dataclass

from msgspec import Struct

from menshen.contract.events import Challenge, Checkpoint, Device, Envelope, Event, Login
from menshen.fraud.detector import CERTAIN, DetectorState, Finding, Layer, Reading
from menshen.fraud.sighting import Sighting
from menshen.fraud.tagging import tag

DAY_MS = 86_400_000


class KnownDevice(Struct, frozen=True, gc=False, array_like=True):
    """A device on which the subject was vouched for: since when, and whether the person was proven there."""

    device: bytes
    first_ms: int
    proven: bool = False


class NewDeviceState(DetectorState, frozen=True, gc=False, array_like=True):
    """The subject's devices, the one used last at the end."""

    devices: tuple[KnownDevice, ...] = ()


@dataclass(frozen=True, slots=True)
class NewDevice:
    """Doubt a device that this subject did not use before, and go on doubting it until it has settled in.

    Fires on the first sight of a device when the subject already has another one, and for `settles_ms` after it, since
    a thief who got in once is no more trustworthy at his second visit. A proof of the person that was passed on the
    device settles it at once; a one-time code does not, since it proves a phone number. Must not fire for a subject's
    very first device: no history is not guilt.

    Parameters
    ----------
    settles_ms : int
        How long a device counts as new after it was first vouched for; larger is stricter. 24 hours.
    capacity : int
        How many devices are remembered; the one unused longest gives way. 8.
    """

    settles_ms: int = DAY_MS
    capacity: int = 8

    name = "new_device"
    layer: Layer = "device"
    codes = ("NEW_DEVICE",)
    features = ("device_age_days", "n_devices")
    listens: tuple[type[Envelope], ...] = (Login, Device, Checkpoint, Challenge)
    state = NewDeviceState

    def step(self, state: NewDeviceState, sighting: Sighting, /) -> Reading:
        """Compare with the devices known before; then add this one if somebody vouches for the subject."""
        if sighting.event.device_id is None:
            return Reading(state)
        devices, device, now_ms = state.devices, tag(sighting.event.device_id), sighting.appended_ms
        known = _find(devices, device)
        age_ms = now_ms - known.first_ms if known and known.first_ms < now_ms else 0
        settled = known and (known.proven or age_ms >= self.settles_ms)
        findings = () if settled else self._doubts(devices, known, age_ms)
        features = {"device_age_days": age_ms / DAY_MS, "n_devices": float(len(devices))}
        if not _may_teach(sighting):
            return Reading(state, findings, features)
        newest = _vouched_for(known or KnownDevice(device, now_ms), sighting.event)
        return Reading(self._with_newest(state, newest), findings, features)

    def _doubts(self, devices: tuple[KnownDevice, ...], known: KnownDevice | None, age_ms: int) -> tuple[Finding, ...]:
        others = [d for d in devices if d is not known]
        if not others or (known and known.first_ms <= min([d.first_ms for d in others])):
            return ()
        evidence = {"known_devices": float(len(others)), "age_hours": round(age_ms / 3_600_000, 2)}
        return (Finding("NEW_DEVICE", CERTAIN, 0, evidence),)

    def _with_newest(self, state: NewDeviceState, newest: KnownDevice) -> NewDeviceState:
        if state.devices and state.devices[-1] is newest:
            return state
        others = [d for d in state.devices if d.device != newest.device]
        return NewDeviceState((*others, newest)[-self.capacity :])


def _find(devices: tuple[KnownDevice, ...], device: bytes) -> KnownDevice | None:
    for known in reversed(devices):
        if known.device == device:
            return known
    return None


def _may_teach(sighting: Sighting) -> bool:
    """A login or challenge that failed is nobody's device."""
    event = sighting.event
    if type(event) is Login and event.outcome != "success":
        return False
    if type(event) is Challenge and event.outcome != "passed":
        return False
    return sighting.teaches


def _vouched_for(known: KnownDevice, event: Event) -> KnownDevice:
    """Return the device as it is after the event; a one-time code proves a phone number, not the person."""
    if known.proven or type(event) is not Challenge or event.method == "otp":
        return known
    return KnownDevice(known.device, known.first_ms, proven=True)
