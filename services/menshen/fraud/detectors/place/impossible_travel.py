"""Could the person have come here from where he was?"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import replace

from menshen.contract.events import Envelope, Location, Login
from menshen.fraud.detector import CERTAIN, DetectorState, Finding, Layer, Reading
from menshen.fraud.detectors.place.whereabouts import gps_disc, ip_disc
from menshen.fraud.maths.geodesy import Disc, Position, haversine_m, slowest_mps
from menshen.fraud.maths.robust import clamp
from menshen.fraud.sighting import Sighting
from menshen.fraud.tagging import tag

GPS, ADDRESS = "by_gps", "by_address"
"""The two sources; each is compared with its own past."""
ROUNDED_M = 800
"""How far a place may lie from its coordinates in hundredths of a degree."""


class Place(Struct, frozen=True, gc=False, array_like=True):
    """Where and when somebody who is vouched for was; kept no finer (about 1 km) than speed needs."""

    north_centideg: int
    east_centideg: int
    error_m: int
    session: bytes
    occurred_s: int
    appended_s: int

    @property
    def disc(self) -> Disc:
        """The place with all its error."""
        return Disc(Position(self.north_centideg / 100, self.east_centideg / 100), self.error_m)


class ImpossibleTravelState(DetectorState, frozen=True, gc=False, array_like=True):
    """The last place that is believed, by the handset's fix and by the address."""

    by_gps: Place | None = None
    by_address: Place | None = None


class Trip(Struct, frozen=True, gc=False):
    """From one place to the next: in what time, and how fast at the least."""

    start: Disc
    end: Disc
    elapsed_s: float
    least_mps: float

    @property
    def distance_m(self) -> float:
        """The distance between the centres."""
        return haversine_m(self.start.centre, self.end.centre)


@dataclass(frozen=True, slots=True)
class ImpossibleTravel:
    """Doubt a place that nobody reaches in the time since the last one.

    A fix is compared with the last fix, an address with the last address: crossed, everybody whose traffic leaves the
    network elsewhere would seem to travel. The speed is the least that leads from one disc into the other, both errors
    taken off the distance and the slack added to the time. Within a session time is the client's own, believed as far
    as delivery explains its difference from the broker's; from session to session it is the broker's.

    Fires beyond what an aircraft does. Must not fire for the first place ever, where the discs overlap, for flights and
    fast trains, for a fix that calls itself mocked, for an anonymised address, nor in full by addresses alone: a VPN
    that no list names looks like a journey.

    A place is learned from an event that teaches and is not doubted: so a thief's place is not, and the owner at home
    is not doubted for it. Once the thief has waited for as long as the flight would take, his place is believed; then
    it is the owner who seems to travel, until he proves himself. A place stays for `slack_s` before another takes its
    stead, unless that one is twice as sharp; a vague one takes it only after a time in which the person could have gone
    as far. So small steps lead away at three times the tolerated speed at most, and a vague fix leads nowhere.

    Parameters
    ----------
    tolerated_mps, certain_mps : float
        Up to the first nothing is doubted (airliners cruise at 250), from the second the doubt is full; larger is
        milder. 280 and 560.
    slack_s : int
        How far two times may be out together: delivery, and fixes that the handset kept. 2 minutes, which excuses any
        33 km.
    address_slack_m : float
        How far outside its registered disc an address is used: mobile networks register some far away. 300 km.
    address_doubt_pm : int
        The largest doubt by addresses alone. 500.
    stands_ms : int
        How long a doubt weighs on the session. 30 minutes.
    """

    tolerated_mps: float = 280.0
    certain_mps: float = 560.0
    slack_s: int = 120
    address_slack_m: float = 300_000.0
    address_doubt_pm: int = 500
    stands_ms: int = 30 * 60_000

    name = "impossible_travel"
    layer: ClassVar[Layer] = "place"
    codes = ("IMPOSSIBLE_TRAVEL",)
    features = ("travel_kmh",)
    listens: ClassVar[tuple[type[Envelope], ...]] = (Location, Login)
    state = ImpossibleTravelState

    def step(self, state: ImpossibleTravelState, sighting: Sighting, /) -> Reading:
        """Judge the ways from the last places; then remember these where they are believed."""
        seen = self._places(sighting)
        if not seen:
            return Reading(state)
        trips: dict[str, Trip] = {}
        believed: dict[str, Place] = {}
        fastest_mps = 0.0
        for source, place in seen.items():
            last: Place | None = getattr(state, source)
            if last:
                trip = trips[source] = self._trip(last, place)
                fastest_mps = trip.least_mps if trip.least_mps > fastest_mps else fastest_mps
            if last is None or self._replaces(last, place):
                believed[source] = place
        findings = self._doubts(trips) if fastest_mps > self.tolerated_mps else ()
        if believed and not findings and _may_teach(sighting):
            state = replace(state, **believed)
        features = {"travel_kmh": 3.6 * fastest_mps} if trips else None
        return Reading(state, findings, features)

    def _places(self, sighting: Sighting) -> dict[str, Place]:
        places = {}
        if gps := gps_disc(sighting.event):
            places[GPS] = _place(gps, sighting)
        if ip := ip_disc(sighting):
            places[ADDRESS] = _place(Disc(ip.centre, ip.error_m + self.address_slack_m), sighting)
        return places

    def _trip(self, last: Place, place: Place) -> Trip:
        elapsed_s: float = abs(place.appended_s - last.appended_s)
        if place.session == last.session:
            by_client_s = abs(place.occurred_s - last.occurred_s)
            elapsed_s = clamp(by_client_s, max(0, elapsed_s - self.slack_s), elapsed_s + self.slack_s)
        start, end = last.disc, place.disc
        return Trip(start, end, elapsed_s, slowest_mps(start, end, elapsed_s + self.slack_s))

    def _doubts(self, trips: Mapping[str, Trip]) -> tuple[Finding, ...]:
        """Return the greater doubt of the two."""
        doubts_pm = {source: self._doubt_pm(source, trip) for source, trip in trips.items()}
        source = max(doubts_pm, key=doubts_pm.__getitem__)
        if doubts_pm[source] < 1:
            return ()
        trip = trips[source]
        evidence = {
            "km" if source == GPS else "address_km": round(trip.distance_m / 1000, 1),
            "minutes": round(trip.elapsed_s / 60, 1),
            "kmh": round(3.6 * trip.least_mps, 1),
        }
        return (Finding("IMPOSSIBLE_TRAVEL", doubts_pm[source], self.stands_ms, evidence),)

    def _doubt_pm(self, source: str, trip: Trip) -> int:
        beyond = (trip.least_mps - self.tolerated_mps) / (self.certain_mps - self.tolerated_mps)
        return int(min(CERTAIN if source == GPS else self.address_doubt_pm, CERTAIN * beyond))

    def _replaces(self, last: Place, place: Place) -> bool:
        waited_s = abs(place.appended_s - last.appended_s)
        if waited_s < self.slack_s:
            return 2 * place.error_m <= last.error_m
        return place.error_m <= max(last.error_m, self.tolerated_mps * waited_s)


def _place(disc: Disc, sighting: Sighting) -> Place:
    return Place(
        round(100 * disc.centre.latitude_deg),
        round(100 * disc.centre.longitude_deg),
        ceil(disc.error_m) + ROUNDED_M,
        tag(sighting.event.session_id),
        sighting.event.occurred_ms // 1000,
        sighting.appended_ms // 1000,
    )


def _may_teach(sighting: Sighting) -> bool:
    """A login that failed is nobody's place."""
    event = sighting.event
    return sighting.teaches and not (type(event) is Login and event.outcome == "failed")
