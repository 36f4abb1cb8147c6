import pytest
from hypothesis import given
from hypothesis import strategies as st

from menshen.fraud.maths.gcj02 import is_shifted, to_gcj02, to_wgs84
from menshen.fraud.maths.geodesy import Position, haversine_m

ANYWHERE = st.builds(Position, st.floats(-90, 90), st.floats(-180, 180))
WELL_INSIDE = st.builds(Position, st.floats(0.85, 55.8), st.floats(72.02, 137.8))
"""Nearer to the box's edge a shifted position may lie outside."""


@pytest.mark.parametrize(
    ("city", "shifted"),
    [
        (Position(36.0671, 103.8343), Position(36.066774, 103.836703)),
        (Position(30.5728, 104.0668), Position(30.570346, 104.069305)),
        (Position(45.8038, 126.5350), Position(45.805782, 126.541040)),
    ],
    ids=["Lanzhou", "Chengdu", "Harbin"],
)
def test_cities_are_shifted_as_maps_shift_them(city: Position, shifted: Position) -> None:
    """Pinned once the formula had been compared with published pairs of coordinates."""
    assert haversine_m(to_gcj02(city), shifted) < 0.1


@given(WELL_INSIDE)
def test_there_and_back_leads_home_within_a_millimetre(position: Position) -> None:
    assert haversine_m(to_wgs84(to_gcj02(position)), position) < 0.001
    assert haversine_m(to_gcj02(to_wgs84(position)), position) < 0.001


@given(ANYWHERE)
def test_nothing_is_shifted_outside_the_box_nor_further_than_a_kilometre_within(position: Position) -> None:
    away_m = haversine_m(position, to_gcj02(position))
    assert away_m < 1_000
    if not is_shifted(position):
        assert to_gcj02(position) == to_wgs84(position) == position


@pytest.mark.parametrize(
    "city", [Position(39.9042, 116.4074), Position(23.1291, 113.2644), Position(31.2304, 121.4737)]
)
def test_where_most_people_live_the_shift_is_hundreds_of_metres(city: Position) -> None:
    assert 300 < haversine_m(city, to_gcj02(city)) < 700


@pytest.mark.parametrize("city", [Position(51.5, -0.13), Position(-33.87, 151.21), Position(35.68, 139.69)])
def test_london_sydney_and_tokyo_stay_where_they_are(city: Position) -> None:
    assert to_gcj02(city) == to_wgs84(city) == city
