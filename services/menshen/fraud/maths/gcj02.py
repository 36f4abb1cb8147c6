"""GCJ-02, the shifted datum that maps and handsets in China must use, to WGS-84 and back.

The shift, up to 730 m, is not published; the formula below is the known reconstruction that map libraries use.
"""

from functools import lru_cache
from math import cos, pi, radians, sin, sqrt

from menshen.fraud.maths.geodesy import Position

AXIS_M = 6_378_245.0
ECCENTRICITY_2 = 0.006_693_421_622_965_943
"""Semi-major axis and squared eccentricity of the Krasovsky ellipsoid (1940), on which the shift was laid out."""
SOUTH_DEG, NORTH_DEG = 0.8293, 55.8271
WEST_DEG, EAST_DEG = 72.004, 137.8347
"""The box in which the shift applies; it holds parts of China's neighbours too."""
CLOSE_DEG = 1e-9
"""The inverse stops here: 0.1 mm."""
MOST_ROUNDS = 10


def is_shifted(position: Position) -> bool:
    """Say whether a position lies in the box in which the two datums differ."""
    return SOUTH_DEG <= position.latitude_deg <= NORTH_DEG and WEST_DEG <= position.longitude_deg <= EAST_DEG


def to_gcj02(position: Position) -> Position:
    """Return the GCJ-02 coordinates of a WGS-84 position; outside the box they are the same."""
    if not is_shifted(position):
        return position
    north_m, east_m = _shift_m(position.longitude_deg - 105, position.latitude_deg - 35)
    latitude = radians(position.latitude_deg)
    flattening = 1 - ECCENTRICITY_2 * sin(latitude) ** 2
    metres_a_radian_north = AXIS_M * (1 - ECCENTRICITY_2) / flattening**1.5
    metres_a_radian_east = AXIS_M / sqrt(flattening) * cos(latitude)
    return Position(
        position.latitude_deg + north_m / metres_a_radian_north * 180 / pi,
        position.longitude_deg + east_m / metres_a_radian_east * 180 / pi,
    )


@lru_cache(maxsize=1024)
def to_wgs84(position: Position) -> Position:
    """Return the WGS-84 coordinates of a GCJ-02 position, to 1 mm; outside the box they are the same.

    The shift changes by less than 1 % of the way that one moves, so that taking it off again and again soon settles.
    The newest answers are kept: several detectors ask about one fix, and handsets send a fix again.
    """
    found = position
    for _ in range(MOST_ROUNDS if is_shifted(position) else 0):
        shifted = to_gcj02(found)
        north_deg = position.latitude_deg - shifted.latitude_deg
        east_deg = position.longitude_deg - shifted.longitude_deg
        found = Position(found.latitude_deg + north_deg, found.longitude_deg + east_deg)
        if max(abs(north_deg), abs(east_deg)) < CLOSE_DEG:
            break
    return found


def _shift_m(x: float, y: float) -> tuple[float, float]:
    """Return the shift to the north and to the east, `x` and `y` degrees from 105 E, 35 N."""
    ripple = 20 * sin(6 * pi * x) + 20 * sin(2 * pi * x)
    north = 20 * sin(pi * y) + 40 * sin(pi * y / 3) + 160 * sin(pi * y / 12) + 320 * sin(pi * y / 30)
    east = 20 * sin(pi * x) + 40 * sin(pi * x / 3) + 150 * sin(pi * x / 12) + 300 * sin(pi * x / 30)
    north_m = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x)) + (ripple + north) * 2 / 3
    east_m = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x)) + (ripple + east) * 2 / 3
    return north_m, east_m
