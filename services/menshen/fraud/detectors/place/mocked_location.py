"""Is the position made up?"""

from dataclasses import dataclass
from typing import ClassVar

from menshen.contract.events import Envelope, GpsFix, Location
from menshen.fraud.detector import CERTAIN, DetectorState, Finding, Layer, Reading
from menshen.fraud.sighting import Sighting


class MockedLocationState(DetectorState, frozen=True, gc=False, array_like=True):
    """Nothing: one event is judged by itself."""


@dataclass(frozen=True, slots=True)
class MockedLocation:
    """Doubt a fix that the handset calls mocked, and a little one that no receiver gives.

    Fires in full on the system's own word, and weakly where a fix claims to be sharp although both coordinates are
    round numbers: typed in by hand, since a receiver meets two multiples of 0.01 degrees once in a million fixes.

    Must not fire where the system gives no word (None), where rounded coordinates come with the error that rounding
    makes, for the position 0, 0 or an accuracy of 0, which is how some software says that it has none, nor for the same
    fix sent twice: handsets keep fixes, and positions from Wi-Fi repeat to the last digit.

    Parameters
    ----------
    round_doubt_pm : int
        The doubt of a sharp fix at round coordinates; some honest software rounds and does not say so. 300.
    sharp_m : float
        An accuracy below this is sharp; larger is stricter. 200.
    stands_ms : int
        How long a doubt weighs on the session. 30 minutes.
    """

    round_doubt_pm: int = 300
    sharp_m: float = 200.0
    stands_ms: int = 30 * 60_000

    name = "mocked_location"
    layer: ClassVar[Layer] = "place"
    codes = ("MOCKED_LOCATION",)
    features = ("location_mocked",)
    listens: ClassVar[tuple[type[Envelope], ...]] = (Location,)
    state = MockedLocationState

    def step(self, state: MockedLocationState, sighting: Sighting, /) -> Reading:
        """Judge the fix by what it says of itself."""
        fix = sighting.event.gps if isinstance(sighting.event, Location) else None
        if fix is None:
            return Reading(state)
        features = None if fix.mocked is None else {"location_mocked": float(fix.mocked)}
        typed = self._typed_in(fix)
        doubt_pm = CERTAIN if fix.mocked else self.round_doubt_pm if typed else 0
        if doubt_pm < 1:
            return Reading(state, (), features)
        evidence = {"mocked": float(bool(fix.mocked)), "round": float(typed)}
        return Reading(state, (Finding("MOCKED_LOCATION", doubt_pm, self.stands_ms, evidence),), features)

    def _typed_in(self, fix: GpsFix) -> bool:
        north_deg, east_deg = fix.latitude_deg, fix.longitude_deg
        nowhere = north_deg == east_deg == 0
        is_round = round(north_deg, 2) == north_deg and round(east_deg, 2) == east_deg
        return is_round and not nowhere and 0 < fix.accuracy_m < self.sharp_m
