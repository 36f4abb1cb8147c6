"""Is this device new for this subject?"""

from dataclasses import dataclass

from msgspec import Struct

from menshen.contract.events import Challenge, Checkpoint, Device, Envelope, Login
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
        now_ms, device = sighting.appended_ms, tag(sighting.event.device_id)
        known = next((d for d in state.devices if d.device == device), None)
        age_ms = max(0, now_ms - known.first_ms) if known else 0
        findings = self._doubts(state, known, age_ms)
        features = {"device_age_days": age_ms / DAY_MS, "n_devices": float(len(state.devices))}
        return Reading(self._learn(state, sighting, device), findings, features)

    def _doubts(self, state: NewDeviceState, known: KnownDevice | None, age_ms: int) -> tuple[Finding, ...]:
        others = [d for d in state.devices if d is not known]
        settled = known is not None and (known.proven or age_ms >= self.settles_ms)
        if settled or not others or (known and known.first_ms <= min(d.first_ms for d in others)):
            return ()
        evidence = {"known_devices": float(len(others)), "age_hours": round(age_ms / 3_600_000, 2)}
        return (Finding("NEW_DEVICE", CERTAIN, 0, evidence),)

    def _learn(self, state: NewDeviceState, sighting: Sighting, device: bytes) -> NewDeviceState:
        event, now_ms = sighting.event, sighting.appended_ms
        failed = isinstance(event, Login | Challenge) and event.outcome not in ("success", "passed")
        if not sighting.teaches or failed:
            return state
        known = next((d for d in state.devices if d.device == device), KnownDevice(device, now_ms))
        proven = known.proven or (isinstance(event, Challenge) and event.method != "otp")
        newest = KnownDevice(device, known.first_ms, proven)
        others = tuple(d for d in state.devices if d.device != device)
        return NewDeviceState((*others, newest)[-self.capacity :])
