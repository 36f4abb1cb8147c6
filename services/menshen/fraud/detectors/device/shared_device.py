"""How many people use this device?"""

from dataclasses import dataclass
from typing import ClassVar

from menshen.contract.events import Checkpoint, Device, Envelope, Login
from menshen.fraud.detector import CERTAIN, DetectorState, Finding, Layer, Reading
from menshen.fraud.sighting import Sighting


class SharedDeviceState(DetectorState, frozen=True, gc=False, array_like=True):
    """Nothing: who was seen on a device is not one subject's to remember, it comes with the sighting."""


@dataclass(frozen=True, slots=True)
class SharedDevice:
    """Doubt a device on which many subjects were seen: device farms open account after account.

    Fires the more, the more subjects within an hour, a day or thirty days, the worst of the three counting. It weighs
    on the session for a while, since a farm that names another device at the next step is the same farm. Must not fire
    for a family's tablet, for a handset that changed hands, nor where the counts were not asked for (0).

    Whoever names a device is counted, also by a mere claim, since a farm often gets no further. So somebody who knows a
    customer's device identifier can make that device look shared. That cannot be closed here, where only the counts are
    known: device identifiers have to be hard to guess, and a policy should let a person look before it blocks.

    Parameters
    ----------
    tolerated : int
        Subjects up to which nothing is doubted, in any window; larger is milder. 3.
    certain_1h, certain_1d, certain_30d : int
        Subjects from which the doubt is full. 6, 8 and 15.
    stands_ms : int
        How long a doubt weighs on the session. 30 minutes.
    """

    tolerated: int = 3
    certain_1h: int = 6
    certain_1d: int = 8
    certain_30d: int = 15
    stands_ms: int = 30 * 60_000

    name = "shared_device"
    layer: ClassVar[Layer] = "device"
    codes = ("SHARED_DEVICE",)
    features = ("device_subjects_1d", "device_subjects_30d")
    listens: ClassVar[tuple[type[Envelope], ...]] = (Login, Device, Checkpoint)
    state = SharedDeviceState

    def step(self, state: SharedDeviceState, sighting: Sighting, /) -> Reading:
        """Judge the counts that were observed, this event included."""
        seen = sighting.observed
        hour, day, month = seen.device_subjects_1h, seen.device_subjects_1d, seen.device_subjects_30d
        most = max(hour, day, month)
        if not most:
            return Reading(state)
        features = {"device_subjects_1d": float(day), "device_subjects_30d": float(month)}
        findings = self._doubts(hour, day, month) if most > self.tolerated else ()
        return Reading(state, findings, features)

    def _doubts(self, hour: int, day: int, month: int) -> tuple[Finding, ...]:
        counts = ((hour, self.certain_1h, 1), (day, self.certain_1d, 24), (month, self.certain_30d, 720))
        doubt_pm, subjects, hours = max([(self._doubt_pm(n, certain), n, hours) for n, certain, hours in counts])
        if doubt_pm < 1:
            return ()
        evidence = {"subjects": float(subjects), "hours": float(hours)}
        return (Finding("SHARED_DEVICE", doubt_pm, self.stands_ms, evidence),)

    def _doubt_pm(self, n_subjects: int, certain: int) -> int:
        return min(CERTAIN, CERTAIN * (n_subjects - self.tolerated) // (certain - self.tolerated))
