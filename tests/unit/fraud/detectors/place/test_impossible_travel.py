from typing import Any

import msgspec
import pytest
from tests.unit.fraud.detectors.place.travellers import (
    BEIJING,
    CHENGDU,
    HOUR_MS,
    MINUTE_MS,
    NEW_YORK,
    SHANGHAI,
    TIANJIN,
    disc,
    gps,
    location,
    login,
)

from menshen.fraud.detector import Reading
from menshen.fraud.detectors.place.impossible_travel import ImpossibleTravel, ImpossibleTravelState
from menshen.fraud.maths.gcj02 import to_gcj02
from menshen.fraud.maths.geodesy import Position, haversine_m
from menshen.fraud.sighting import Sighting

DETECTOR = ImpossibleTravel()


def knowing(*sightings: Sighting) -> ImpossibleTravelState:
    state = DETECTOR.state()
    for sighting in sightings:
        state = DETECTOR.step(state, sighting).state
    return state


def doubt(state: ImpossibleTravelState, sighting: Sighting) -> int:
    return sum(finding.doubt_pm for finding in DETECTOR.step(state, sighting).findings)


AT_HOME = knowing(location(0, gps(BEIJING)))


def test_a_thousand_kilometres_in_eleven_minutes_are_impossible_and_the_figures_say_so() -> None:
    (finding,) = DETECTOR.step(AT_HOME, location(11 * MINUTE_MS, gps(SHANGHAI))).findings
    assert (finding.code, finding.doubt_pm, finding.stands_ms) == ("IMPOSSIBLE_TRAVEL", 1000, 1_800_000)
    assert not finding.subject_wide
    fastest_kmh = pytest.approx((1067 - 1.7) / 13 * 60, abs=10)
    assert finding.evidence == {"km": pytest.approx(1067, abs=2), "minutes": 11.0, "kmh": fastest_kmh}


@pytest.mark.parametrize("session", ["v", "another"])
def test_a_flight_is_possible_and_half_its_time_is_not(session: str) -> None:
    assert doubt(AT_HOME, location(75 * MINUTE_MS, gps(SHANGHAI), session_id=session)) == 0
    assert doubt(AT_HOME, location(35 * MINUTE_MS, gps(SHANGHAI), session_id=session)) > 600


def test_the_faster_the_greater_the_doubt() -> None:
    doubts = [doubt(AT_HOME, location(minutes * MINUTE_MS, gps(SHANGHAI))) for minutes in (55, 45, 35, 10)]
    assert doubts == sorted(doubts)
    assert 0 < doubts[0] < doubts[1] < doubts[2] < doubts[3]


def test_the_first_place_ever_is_not_doubted() -> None:
    reading = DETECTOR.step(ImpossibleTravelState(), location(0, gps(NEW_YORK), disc(BEIJING)))
    assert (reading.findings, reading.features) == ((), None)


def test_a_high_speed_train_and_a_fix_that_is_some_minutes_old_raise_no_doubt() -> None:
    assert doubt(AT_HOME, location(0, gps(Position(39.9042, 116.75)))) == 0
    assert doubt(AT_HOME, location(20 * MINUTE_MS, gps(TIANJIN))) == 0


def test_a_passenger_who_uses_the_aircrafts_network_raises_no_doubt() -> None:
    state = ImpossibleTravelState()
    for minute in range(0, 120, 3):
        flown = location(minute * MINUTE_MS, gps(Position(30.0, 80 + minute * 0.155)))
        reading = DETECTOR.step(state, flown)
        assert reading.findings == ()
        state = reading.state


def test_a_wide_accuracy_radius_excuses_a_jump() -> None:
    assert doubt(AT_HOME, location(MINUTE_MS, gps(TIANJIN, accuracy_m=15))) > 0
    assert doubt(AT_HOME, location(MINUTE_MS, gps(TIANJIN, accuracy_m=40_000))) == 0


def test_an_address_that_is_known_to_500_km_excuses_the_way_to_shanghai() -> None:
    state = knowing(login(0, disc(BEIJING)))
    assert doubt(state, login(MINUTE_MS, disc(SHANGHAI, radius_km=500))) == 0
    assert doubt(state, login(MINUTE_MS, disc(SHANGHAI, radius_km=20))) > 0


def test_addresses_alone_are_never_doubted_in_full() -> None:
    (finding,) = DETECTOR.step(knowing(login(0, disc(BEIJING))), login(MINUTE_MS, disc(NEW_YORK))).findings
    assert (finding.doubt_pm, set(finding.evidence)) == (500, {"address_km", "minutes", "kmh"})


def test_who_always_comes_through_a_foreign_network_does_not_seem_to_travel() -> None:
    state = ImpossibleTravelState()
    for minute in range(0, 60, 2):
        for sighting in (
            login(minute * MINUTE_MS, disc(NEW_YORK), session_id=f"v{minute}"),
            location(minute * MINUTE_MS + 5_000, gps(BEIJING), disc(NEW_YORK), session_id=f"v{minute}"),
        ):
            assert doubt(state, sighting) == 0
            state = DETECTOR.step(state, sighting).state


def test_an_anonymised_address_says_nothing() -> None:
    state = knowing(login(0, disc(BEIJING)))
    assert DETECTOR.step(state, login(MINUTE_MS, disc(NEW_YORK, anonymous=True))) == Reading(state)


def test_a_fix_that_calls_itself_mocked_and_the_position_0_0_say_nothing() -> None:
    assert DETECTOR.step(AT_HOME, location(HOUR_MS, gps(TIANJIN, mocked=True))) == Reading(AT_HOME)
    nowhere = gps(BEIJING, latitude_deg=0.0, longitude_deg=0.0)
    assert DETECTOR.step(AT_HOME, location(MINUTE_MS, nowhere)) == Reading(AT_HOME)


def test_the_shifted_datum_is_undone_before_places_are_compared() -> None:
    state = knowing(location(0, gps(BEIJING)))
    shifted = location(MINUTE_MS, gps(to_gcj02(BEIJING), datum="gcj02"))
    later = DETECTOR.step(DETECTOR.state(), shifted).state
    assert later.by_gps is not None
    assert state.by_gps is not None
    assert haversine_m(later.by_gps.disc.centre, state.by_gps.disc.centre) < 1


@pytest.mark.parametrize("said", [{"assurance": "claimed"}, {"occurred_ms": HOUR_MS - 301_000}])
def test_a_place_that_nobody_vouches_for_or_that_comes_late_is_not_learned(said: dict[str, Any]) -> None:
    assert DETECTOR.step(AT_HOME, location(HOUR_MS, gps(TIANJIN), **said)).state == AT_HOME
    assert DETECTOR.step(AT_HOME, location(HOUR_MS, gps(TIANJIN))).state != AT_HOME


def test_a_failed_login_is_nobodys_place() -> None:
    state = knowing(login(0, disc(BEIJING)))
    assert DETECTOR.step(state, login(HOUR_MS, disc(TIANJIN), outcome="failed")).state == state


def test_the_owner_at_home_is_not_doubted_after_the_thief_was_far_away() -> None:
    thief = location(10 * MINUTE_MS, gps(CHENGDU), session_id="thief")
    assert doubt(AT_HOME, thief) == 1000
    state = DETECTOR.step(AT_HOME, thief).state
    assert doubt(state, location(12 * MINUTE_MS, gps(BEIJING))) == 0


def test_a_thief_who_forges_the_clients_clock_gains_minutes_only() -> None:
    forged = location(10 * MINUTE_MS, gps(SHANGHAI), occurred_ms=5 * HOUR_MS)
    assert doubt(AT_HOME, forged) == 1000


def test_events_of_a_session_that_are_delivered_together_are_judged_by_the_clients_clock() -> None:
    first = location(0, gps(Position(30.0, 80.0)), occurred_ms=-4 * MINUTE_MS)
    second = location(1_000, gps(Position(30.0, 80.55)), occurred_ms=0)
    assert doubt(knowing(first), second) == 0
    assert doubt(knowing(first), location(1_000, gps(Position(30.0, 80.55)), session_id="another")) > 0


def test_a_thief_does_not_get_far_in_many_small_steps() -> None:
    """He goes east as far as is still believed, ten times a minute, and forges his clock."""
    state, east_deg = AT_HOME, BEIJING.longitude_deg
    for step in range(1, 201):
        at_ms = 6_000 * step
        for reach_deg in (1.5, 1.0, 0.5, 0.25, 0.1):
            forged = location(at_ms, gps(Position(39.9, east_deg + reach_deg)), occurred_ms=at_ms + step * 300_000)
            reading = DETECTOR.step(state, forged)
            if not reading.findings:
                state, east_deg = reading.state, east_deg + reach_deg
                break
    assert state.by_gps is not None
    gone_m = haversine_m(state.by_gps.disc.centre, BEIJING)
    assert gone_m < 3 * DETECTOR.tolerated_mps * 1_200


def test_a_vague_fix_does_not_lead_away_from_home() -> None:
    state = DETECTOR.step(AT_HOME, location(5 * MINUTE_MS, gps(SHANGHAI, accuracy_m=1_000_000))).state
    assert doubt(state, location(6 * MINUTE_MS, gps(SHANGHAI))) == 1000


def test_a_sharper_fix_takes_the_stead_of_a_vague_one_at_once() -> None:
    state = knowing(location(0, gps(TIANJIN, accuracy_m=80_000)), location(1_000, gps(BEIJING)))
    assert doubt(state, location(2 * MINUTE_MS, gps(TIANJIN))) > 0


def test_what_is_kept_of_a_place_is_coarse_and_small() -> None:
    state = knowing(location(1_764_000_000_000, gps(SHANGHAI), disc(SHANGHAI)))
    assert state.by_gps is not None
    assert (state.by_gps.north_centideg, state.by_gps.east_centideg) == (3123, 12147)
    assert len(msgspec.msgpack.encode(state)) < 80
