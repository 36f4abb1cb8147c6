"""Does the handset's fix agree with the address that it speaks from?"""

from dataclasses import dataclass
from typing import ClassVar

from menshen.contract.events import Envelope, Location
from menshen.fraud.detector import CERTAIN, DetectorState, Finding, Layer, Reading
from menshen.fraud.detectors.place.whereabouts import gps_disc, ip_disc
from menshen.fraud.maths.geodesy import gap_m, haversine_m
from menshen.fraud.sighting import Sighting


class GpsIpMismatchState(DetectorState, frozen=True, gc=False, array_like=True):
    """Nothing: one event is judged by itself."""


@dataclass(frozen=True, slots=True)
class GpsIpMismatch:
    """Doubt a fix that lies far outside the disc in which its address is registered.

    Fires the more, the further the fix lies beyond the address's disc, its own error and the tolerance. Must not fire
    for an anonymised address, for one of which only the country is known (its disc is as large), for a fix that calls
    itself mocked (that has a reason of its own), nor for mobile addresses that are registered in another province. A
    handset abroad that speaks through its home network cannot be told from a spoofed fix: the doubt grows with the
    distance, so that neighbouring countries weigh little.

    Parameters
    ----------
    tolerated_m : float
        Distance between the two discs up to which nothing is doubted; larger is milder. 300 km.
    certain_m : float
        Distance from which the doubt is full. 2,000 km.
    stands_ms : int
        How long a doubt weighs on the session. 30 minutes.
    """

    tolerated_m: float = 300_000.0
    certain_m: float = 2_000_000.0
    stands_ms: int = 30 * 60_000

    name = "gps_ip_mismatch"
    layer: ClassVar[Layer] = "place"
    codes = ("GPS_IP_MISMATCH",)
    features = ("gps_ip_gap_km",)
    listens: ClassVar[tuple[type[Envelope], ...]] = (Location,)
    state = GpsIpMismatchState

    def step(self, state: GpsIpMismatchState, sighting: Sighting, /) -> Reading:
        """Compare the two discs, where the event has both."""
        if (ip := ip_disc(sighting)) is None or (gps := gps_disc(sighting.event)) is None:
            return Reading(state)
        apart_m = gap_m(gps, ip)
        features = {"gps_ip_gap_km": apart_m / 1000}
        doubt_pm = min(CERTAIN, int(CERTAIN * (apart_m - self.tolerated_m) / (self.certain_m - self.tolerated_m)))
        if doubt_pm < 1:
            return Reading(state, (), features)
        evidence = {
            "km": round(haversine_m(gps.centre, ip.centre) / 1000, 1),
            "radius_km": round(ip.error_m / 1000, 1),
        }
        return Reading(state, (Finding("GPS_IP_MISMATCH", doubt_pm, self.stands_ms, evidence),), features)
