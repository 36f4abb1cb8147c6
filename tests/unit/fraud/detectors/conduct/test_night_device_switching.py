from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from menshen.contract.assessment import IpPlace, Observed
from menshen.contract.events import GpsFix, Location, Login
from menshen.fraud.detector import Reading
from menshen.fraud.detectors.conduct.night_device_switching import NightDeviceSwitching, NightDeviceSwitchingState
from menshen.fraud.sighting import Sighting

DETECTOR = NightDeviceSwitching()
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
MIDNIGHT_MS = 20_000 * DAY_MS - 8 * HOUR_MS
"""Midnight in China."""
LONDON_DEG, NEW_YORK_DEG = 0.0, -74.0


def envelope(at_ms: int, **said: Any) -> dict[str, Any]:
    ids = {"event_id": f"e{at_ms}", "subject_id": "s", "session_id": "v", "product_id": "p"}
    said = {"seq": 0, "occurred_ms": at_ms, "received_ms": at_ms, "assurance": "authenticated", **said}
    return {**ids, **said}


def login(at_ms: int, device_id: str | None, longitude_deg: float | None = None, **said: Any) -> Sighting:
    said = {"outcome": "success", "method": "password", "device_id": device_id, **said}
    place = None
    if longitude_deg is not None:
        place = IpPlace(country="", latitude_deg=0.0, longitude_deg=longitude_deg, radius_m=2e4)
    return Sighting(Login(**envelope(at_ms, **said)), 0, at_ms, 0, Observed(ip_place=place))


def fix(at_ms: int, longitude_deg: float, latitude_deg: float = 30.0, **said: Any) -> Sighting:
    gps = GpsFix(latitude_deg=latitude_deg, longitude_deg=longitude_deg, accuracy_m=10.0, **said)
    return Sighting(Location(**envelope(at_ms), gps=gps), 0, at_ms, 0, Observed())


def nights(n_nights: int, devices: str, hour: int = 2, **said: Any) -> list[Sighting]:
    """Return logins on these devices, one after the other, in each of some nights."""
    first_ms = MIDNIGHT_MS + hour * HOUR_MS
    return [
        login(first_ms + night * DAY_MS + i * MINUTE_MS, device, **said)
        for night in range(n_nights)
        for i, device in enumerate(devices)
    ]


def switched(night: int, device: str) -> Sighting:
    return login(MIDNIGHT_MS + night * DAY_MS + HOUR_MS, device)


def after(*sightings: Sighting) -> NightDeviceSwitchingState:
    state = NightDeviceSwitchingState()
    for sighting in sightings:
        state = DETECTOR.step(state, sighting).state
    return state


def doubt(sightings: list[Sighting]) -> int:
    """Return the doubt of the last one."""
    *earlier, last = sightings
    return sum(finding.doubt_pm for finding in DETECTOR.step(after(*earlier), last).findings)


def test_five_devices_in_turn_at_night_are_doubted_and_the_figures_say_why() -> None:
    *earlier, last = nights(2, "abcde")
    (finding,) = DETECTOR.step(after(*earlier), last).findings
    assert (finding.code, finding.doubt_pm, finding.stands_ms) == ("NIGHT_DEVICE_SWITCHING", 1000, 1_800_000)
    assert finding.evidence == {"switches": 8.0, "nights": 2.0, "devices": 5.0}


def test_more_devices_raise_the_doubt() -> None:
    doubts = [doubt(nights(3, devices)) for devices in ("ab", "abc", "abcd", "abcde")]
    assert doubts == [0, 333, 666, 1000]


def test_more_switches_raise_the_doubt() -> None:
    doubts = [doubt(nights(2, "abcde")[: 1 + n_switches]) for n_switches in range(1, 9)]
    assert doubts == sorted(doubts)
    assert doubts[:4] == [0, 0, 0, 0]
    assert doubts[4] > 0


def test_one_switch_at_night_is_not_doubted() -> None:
    assert doubt(nights(1, "ab")) == 0


def test_three_switches_in_three_nights_are_not_often_even_among_many_devices() -> None:
    assert doubt([switched(night, device) for night, device in enumerate("abcd")]) == 0


def test_a_fourth_switch_is_one_too_many() -> None:
    assert doubt([switched(night, device) for night, device in enumerate("abcde")]) == 200


def test_the_next_login_on_the_same_device_is_no_switch() -> None:
    assert after(*nights(4, "aaa")).switches == ()
    assert after(*nights(1, "aabbbb")).switches == after(*nights(1, "ab")).switches


def test_one_restless_night_is_not_doubted() -> None:
    assert doubt(nights(1, "abcdeabcde")) == 0


def test_going_back_and_forth_between_phone_and_tablet_every_night_is_not_doubted() -> None:
    assert doubt(nights(14, "abab")) == 0


def test_a_new_phone_beside_two_usual_devices_is_doubted_by_a_third_at_most() -> None:
    assert (
        doubt([*nights(6, "abab"), *(replace(s, appended_ms=s.appended_ms + 6 * DAY_MS) for s in nights(1, "c"))])
        <= 333
    )


@pytest.mark.parametrize("hour", [5, 12, 18, 23])
def test_switching_by_day_and_in_the_evening_is_not_doubted(hour: int) -> None:
    assert doubt(nights(4, "abcde", hour)) == 0


def test_the_habit_weighs_on_a_login_by_day_too_but_only_for_two_weeks() -> None:
    habit = nights(3, "abcde")
    assert doubt([*habit, login(MIDNIGHT_MS + 5 * DAY_MS + 15 * HOUR_MS, "e")]) == 1000
    assert doubt([*habit, login(MIDNIGHT_MS + 17 * DAY_MS, "e")]) == 0


@pytest.mark.parametrize(("longitude_deg", "by_night"), [(116.0, True), (LONDON_DEG, False), (NEW_YORK_DEG, False)])
def test_night_is_where_the_address_is(longitude_deg: float, by_night: bool) -> None:
    assert (doubt(nights(3, "abcde", longitude_deg=longitude_deg)) > 0) == by_night


def test_the_last_fix_tells_better_than_the_address() -> None:
    away = fix(MIDNIGHT_MS, NEW_YORK_DEG)
    assert doubt([away, *nights(3, "abcde", longitude_deg=116.0)]) == 0
    assert doubt([away, *nights(3, "abcde", hour=15)]) > 0


@pytest.mark.parametrize(
    "useless",
    [fix(0, NEW_YORK_DEG, mocked=True), fix(0, 0.0, 0.0), replace(fix(0, NEW_YORK_DEG), appended_ms=10 * MINUTE_MS)],
    ids=["mocked", "no position", "late"],
)
def test_a_fix_that_says_nothing_or_does_not_teach_moves_no_night(useless: Sighting) -> None:
    assert doubt([useless, *nights(3, "abcde")]) == 1000


@pytest.mark.parametrize("said", [{"assurance": "claimed"}, {"outcome": "failed"}, {"occurred_ms": 0}])
def test_a_login_that_is_claimed_or_failed_or_late_leaves_no_trace(said: dict[str, Any]) -> None:
    assert after(*nights(3, "abcde", **said)) == NightDeviceSwitchingState()


def test_a_login_without_a_device_is_no_switch() -> None:
    state = after(*nights(2, "ab"))
    assert DETECTOR.step(state, login(MIDNIGHT_MS + 3 * DAY_MS, None)) == Reading(state)


def test_a_thousand_switches_take_no_more_room_than_eight() -> None:
    assert len(msgspec.msgpack.encode(after(fix(MIDNIGHT_MS, 116.0), *nights(200, "abcde")))) < 150
