import pytest

from menshen.fraud.maths.geodesy import EARTH_RADIUS_M, Disc, Position, gap_m, haversine_m, slowest_mps

BEIJING, SHANGHAI, SYDNEY = Position(39.9042, 116.4074), Position(31.2304, 121.4737), Position(-33.8688, 151.2093)
HALF_ROUND_M = 3.141592653589793 * EARTH_RADIUS_M


@pytest.mark.parametrize(
    ("a", "b", "km"),
    [
        (BEIJING, SHANGHAI, 1067.3),
        (BEIJING, SYDNEY, 8948.2),
        (Position(0, 179.5), Position(0, -179.5), 111.2),
        (Position(90, 0), Position(90, 137), 0),
        (Position(89.5, 0), Position(89.5, 180), 111.2),
    ],
)
def test_distances_are_right_across_the_date_line_and_at_the_pole_too(a: Position, b: Position, km: float) -> None:
    """The cities' distances are those of the cosine formula, worked out apart."""
    assert haversine_m(a, b) / 1000 == pytest.approx(km, abs=0.1)
    assert haversine_m(b, a) == haversine_m(a, b)


@pytest.mark.parametrize("a", [Position(0, 0), Position(90, 0), BEIJING])
def test_the_other_side_of_the_earth_is_half_way_round(a: Position) -> None:
    opposite = Position(-a.latitude_deg, a.longitude_deg - 180)
    assert haversine_m(a, opposite) == pytest.approx(HALF_ROUND_M, abs=1)


def test_a_metre_is_still_a_metre() -> None:
    north = Position(BEIJING.latitude_deg + 1 / 111_195.08, BEIJING.longitude_deg)
    assert haversine_m(BEIJING, north) == pytest.approx(1, abs=1e-6)
    assert haversine_m(BEIJING, BEIJING) == 0


def test_both_errors_are_taken_off_the_gap_and_discs_that_overlap_have_none() -> None:
    away_m = haversine_m(BEIJING, SHANGHAI)
    assert gap_m(Disc(BEIJING, 1_000), Disc(SHANGHAI, 20_000)) == pytest.approx(away_m - 21_000)
    assert gap_m(Disc(BEIJING, 600_000), Disc(SHANGHAI, 600_000)) == 0


def test_the_slowest_speed_leads_from_edge_to_edge() -> None:
    a, b = Disc(Position(0, 0), 10_000), Disc(Position(0, 1), 1_195)
    assert slowest_mps(a, b, 1_000) == pytest.approx(100, rel=1e-4)
