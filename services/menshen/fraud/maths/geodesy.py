"""Distances on the Earth, between places that are known to within an error only."""

from math import asin, cos, radians, sin, sqrt

from msgspec import Struct

EARTH_RADIUS_M = 6_371_008.8
"""The mean radius of the Earth's ellipsoid (IUGG)."""


class Position(Struct, frozen=True, gc=False):
    """A point in degrees, north and east positive, on WGS-84."""

    latitude_deg: float
    longitude_deg: float


class Disc(Struct, frozen=True, gc=False):
    """Somewhere within `error_m` of a point."""

    centre: Position
    error_m: float


def haversine_m(a: Position, b: Position) -> float:
    """Return the great-circle distance in metres.

    Notes
    -----
    The Earth is taken for a sphere: the result lies within 0.6 % of the distance on the ellipsoid. Small distances lose
    no digits; half way around the Earth, where the formula is worst, it still errs by less than 1 m.

    References
    ----------
    Sinnott, R. W. (1984), Virtues of the haversine, Sky and Telescope 68(2), p. 159.
    """
    north, south = radians(a.latitude_deg), radians(b.latitude_deg)
    half_chord_2 = (
        sin((south - north) / 2) ** 2
        + cos(north) * cos(south) * sin(radians(b.longitude_deg - a.longitude_deg) / 2) ** 2
    )
    half_chord = sqrt(half_chord_2)
    return 2 * EARTH_RADIUS_M * asin(half_chord if half_chord < 1.0 else 1.0)


def gap_m(a: Disc, b: Disc) -> float:
    """Return the least distance between two discs, in metres; 0 where they touch or overlap."""
    apart_m = haversine_m(a.centre, b.centre) - a.error_m - b.error_m
    return apart_m if apart_m > 0.0 else 0.0


def slowest_mps(a: Disc, b: Disc, elapsed_s: float) -> float:
    """Return the least mean speed that leads from one disc into the other; `elapsed_s` must be above 0."""
    return gap_m(a, b) / elapsed_s
