import pytest
from tests.unit.fraud.detectors.place.travellers import BEIJING, gps, location

from menshen.contract.events import GpsFix
from menshen.fraud.detector import Reading
from menshen.fraud.detectors.place.mocked_location import MockedLocation, MockedLocationState

DETECTOR, NOTHING = MockedLocation(), MockedLocationState()


def look(fix: GpsFix | None) -> Reading:
    return DETECTOR.step(NOTHING, location(0, fix))


def typed_in(accuracy_m: float = 5.0, **said: float) -> GpsFix:
    return gps(BEIJING, accuracy_m, **{"latitude_deg": 39.9, "longitude_deg": 116.41, **said})


def test_the_systems_own_word_is_believed_for_half_an_hour() -> None:
    reading = look(gps(BEIJING, mocked=True))
    (finding,) = reading.findings
    assert (finding.code, finding.doubt_pm, finding.stands_ms) == ("MOCKED_LOCATION", 1000, 1_800_000)
    assert finding.evidence == {"mocked": 1.0, "round": 0.0}
    assert reading.features == {"location_mocked": 1.0}


def test_a_system_that_gives_no_word_is_not_guilty() -> None:
    assert look(gps(BEIJING)) == Reading(NOTHING)
    assert look(gps(BEIJING, mocked=False)) == Reading(NOTHING, (), {"location_mocked": 0.0})


def test_no_fix_at_all_says_nothing() -> None:
    assert look(None) == Reading(NOTHING)


def test_a_sharp_fix_at_round_coordinates_was_typed_in() -> None:
    (finding,) = look(typed_in()).findings
    assert (finding.doubt_pm, finding.evidence) == (300, {"mocked": 0.0, "round": 1.0})


@pytest.mark.parametrize(
    "fix",
    [
        typed_in(accuracy_m=1_500.0),
        typed_in(accuracy_m=0.0),
        typed_in(longitude_deg=116.4074),
        typed_in(latitude_deg=0.0, longitude_deg=0.0),
    ],
    ids=["rounded and says so", "no accuracy given", "round by chance on one axis", "no position"],
)
def test_round_coordinates_have_honest_causes(fix: GpsFix) -> None:
    assert look(fix).findings == ()


def test_the_same_fix_twice_is_a_fix_that_the_handset_kept() -> None:
    fix = gps(BEIJING)
    state = look(fix).state
    assert DETECTOR.step(state, location(60_000, fix)).findings == ()
