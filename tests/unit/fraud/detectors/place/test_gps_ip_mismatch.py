import pytest
from tests.unit.fraud.detectors.place.travellers import (
    BEIJING,
    CHENGDU,
    NEW_YORK,
    SHANGHAI,
    TIANJIN,
    disc,
    gps,
    location,
    login,
)

from menshen.contract.assessment import IpPlace
from menshen.contract.events import GpsFix
from menshen.fraud.detector import Reading
from menshen.fraud.detectors.place.gps_ip_mismatch import GpsIpMismatch, GpsIpMismatchState
from menshen.fraud.maths.geodesy import Position

DETECTOR, NOTHING = GpsIpMismatch(), GpsIpMismatchState()
MIDDLE_OF_CHINA = Position(35.0, 105.0)


def look(fix: GpsFix | None, address: IpPlace | None) -> Reading:
    return DETECTOR.step(NOTHING, location(0, fix, address))


def doubt(fix: GpsFix, address: IpPlace) -> int:
    return sum(finding.doubt_pm for finding in look(fix, address).findings)


def test_a_fix_in_beijing_from_an_address_in_new_york_is_doubted_in_full_and_for_half_an_hour() -> None:
    (finding,) = look(gps(BEIJING), disc(NEW_YORK, radius_km=50)).findings
    assert (finding.code, finding.doubt_pm, finding.stands_ms) == ("GPS_IP_MISMATCH", 1000, 1_800_000)
    assert finding.evidence == {"km": pytest.approx(10_990, abs=20), "radius_km": 50.0}


def test_the_further_apart_the_greater_the_doubt() -> None:
    doubts = [doubt(gps(place), disc(BEIJING)) for place in (BEIJING, SHANGHAI, CHENGDU, NEW_YORK)]
    assert doubts == sorted(doubts)
    assert 0 == doubts[0] < doubts[1] < doubts[2] < doubts[3]


def test_a_mobile_address_that_is_registered_in_the_next_province_raises_no_doubt() -> None:
    assert doubt(gps(TIANJIN), disc(BEIJING)) == 0
    assert doubt(gps(Position(37.4, 116.4)), disc(BEIJING)) == 0


@pytest.mark.parametrize("place", [BEIJING, SHANGHAI, CHENGDU])
def test_an_address_of_which_only_the_country_is_known_agrees_with_all_of_it(place: Position) -> None:
    assert doubt(gps(place), disc(MIDDLE_OF_CHINA, radius_km=1_500)) == 0


def test_a_fix_without_accuracy_worth_the_name_raises_no_doubt() -> None:
    assert doubt(gps(SHANGHAI, accuracy_m=500_000), disc(BEIJING)) == 0


def test_an_anonymised_address_a_mocked_fix_and_the_position_0_0_say_nothing() -> None:
    nothing = Reading(NOTHING)
    assert look(gps(BEIJING), disc(NEW_YORK, anonymous=True)) == nothing
    assert look(gps(BEIJING, mocked=True), disc(NEW_YORK)) == nothing
    assert look(gps(BEIJING, latitude_deg=0.0, longitude_deg=0.0), disc(NEW_YORK)) == nothing


def test_one_source_alone_says_nothing() -> None:
    nothing = Reading(NOTHING)
    assert look(gps(BEIJING), None) == look(None, disc(NEW_YORK)) == nothing
    assert DETECTOR.step(NOTHING, login(0, disc(NEW_YORK))) == nothing


def test_the_gap_is_measured_where_the_discs_touch_too() -> None:
    assert look(gps(BEIJING), disc(BEIJING)).features == {"gps_ip_gap_km": 0.0}
