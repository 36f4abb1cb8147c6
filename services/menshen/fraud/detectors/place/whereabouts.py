"""Where an event says that the person is: by the handset's own fix, and by the address that it speaks from.

A fix that the handset itself calls mocked says nothing about it, nor does the position 0, 0, which is how software says
that it has none; an anonymised address says nothing either.
"""

from menshen.contract.events import Event, GpsFix, Location
from menshen.fraud.maths.gcj02 import to_wgs84
from menshen.fraud.maths.geodesy import Disc, Position
from menshen.fraud.sighting import Sighting

SURE = 2
"""Handsets report the radius that holds two fixes of three; twice as far holds nearly all."""
LEAST_ERROR_M = 50.0
"""No handset is better than this among high buildings, whatever it says."""


def gps_disc(event: Event) -> Disc | None:
    """Return where the handset says that it is, on WGS-84."""
    fix = event.gps if type(event) is Location else None
    if fix is None or fix.mocked or fix.latitude_deg == fix.longitude_deg == 0:
        return None
    error_m = SURE * fix.accuracy_m
    return Disc(_wgs84(fix), error_m if error_m > LEAST_ERROR_M else LEAST_ERROR_M)


def ip_disc(sighting: Sighting) -> Disc | None:
    """Return where the event's address is registered."""
    place = sighting.observed.ip_place
    if place is None or place.anonymous:
        return None
    return Disc(Position(place.latitude_deg, place.longitude_deg), place.radius_m)


def _wgs84(fix: GpsFix) -> Position:
    position = Position(fix.latitude_deg, fix.longitude_deg)
    return to_wgs84(position) if fix.datum == "gcj02" else position
