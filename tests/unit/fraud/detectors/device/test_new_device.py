from typing import Any

import pytest
from msgspec.structs import replace

from menshen.contract.assessment import Observed
from menshen.contract.events import Challenge, Login
from menshen.fraud.detector import Reading
from menshen.fraud.detectors.device.new_device import DAY_MS, NewDevice, NewDeviceState
from menshen.fraud.sighting import Sighting

DETECTOR = NewDevice()
HOUR_MS = 3_600_000


def event(at_ms: int, device_id: str | None, **said: Any) -> dict[str, Any]:
    ids = {"event_id": f"e{at_ms}", "subject_id": "s", "session_id": "v", "product_id": "p", "device_id": device_id}
    return {**ids, "seq": 0, "occurred_ms": at_ms, "received_ms": at_ms, "assurance": "authenticated", **said}


def login(at_ms: int, device_id: str | None = "phone", **said: Any) -> Sighting:
    said = {"outcome": "success", "method": "password", **said}
    return Sighting(Login(**event(at_ms, device_id, **said)), 0, at_ms, 0, Observed())


def challenge(at_ms: int, device_id: str, outcome: str) -> Sighting:
    said = event(at_ms, device_id, outcome=outcome, method="face", assurance="person")
    return Sighting(Challenge(**said), 0, at_ms, 0, Observed())


def knowing(*sightings: Sighting) -> NewDeviceState:
    state = NewDeviceState()
    for sighting in sightings:
        state = DETECTOR.step(state, sighting).state
    return state


def doubt(state: NewDeviceState, sighting: Sighting) -> int:
    return sum(finding.doubt_pm for finding in DETECTOR.step(state, sighting).findings)


def test_a_second_device_is_doubted_with_its_age_as_evidence() -> None:
    (finding,) = DETECTOR.step(knowing(login(0)), login(DAY_MS, "laptop")).findings
    assert (finding.code, finding.doubt_pm, finding.stands_ms) == ("NEW_DEVICE", 1000, 0)
    assert finding.evidence == {"known_devices": 1.0, "age_hours": 0.0}


def test_the_very_first_device_is_never_doubted() -> None:
    assert doubt(NewDeviceState(), login(0)) == 0
    assert doubt(knowing(login(0)), login(1)) == 0


def test_a_second_device_stays_new_for_a_day_and_then_counts_as_known() -> None:
    state = knowing(login(0), login(DAY_MS, "laptop"))
    assert doubt(state, login(2 * DAY_MS - 1, "laptop")) == 1000
    assert doubt(state, login(2 * DAY_MS, "laptop")) == 0


def test_the_first_device_is_not_doubted_because_another_came_later() -> None:
    assert doubt(knowing(login(0), login(HOUR_MS, "laptop")), login(2 * HOUR_MS)) == 0


def test_a_challenge_passed_on_a_device_settles_it_at_once_and_a_failed_one_does_not() -> None:
    state = knowing(login(0), login(DAY_MS, "laptop"))
    for outcome, expected in (("passed", 0), ("failed", 1000), ("issued", 1000)):
        after = DETECTOR.step(state, challenge(DAY_MS + 1, "laptop", outcome)).state
        assert doubt(after, login(DAY_MS + 2, "laptop")) == expected


@pytest.mark.parametrize("said", [{"assurance": "claimed"}, {"outcome": "failed"}, {"occurred_ms": DAY_MS - 300_001}])
def test_a_device_is_not_learned_from_a_claim_a_failure_or_a_late_event(said: dict[str, Any]) -> None:
    state = knowing(login(0))
    assert DETECTOR.step(state, login(DAY_MS, "laptop", **said)).state == state


def test_an_event_without_a_device_says_nothing() -> None:
    state = knowing(login(0))
    assert DETECTOR.step(state, login(DAY_MS, None)) == Reading(state)


def test_of_too_many_devices_the_one_unused_longest_is_forgotten() -> None:
    state = knowing(*(login(i, f"d{i}") for i in range(DETECTOR.capacity)), login(100, "d0"), login(101, "one more"))
    assert len(state.devices) == DETECTOR.capacity
    assert doubt(state, login(10 * DAY_MS, "d0")) == 0
    assert doubt(state, login(10 * DAY_MS, "d1")) == 1000


def test_a_clock_that_goes_back_does_not_give_a_device_a_negative_age() -> None:
    reading = DETECTOR.step(knowing(login(DAY_MS)), login(0))
    assert reading.features == {"device_age_days": 0.0, "n_devices": 1.0}


def test_the_device_used_last_leaves_everything_as_it_was() -> None:
    state = knowing(login(0), login(1, "laptop"), login(2))
    assert DETECTOR.step(state, login(3)).state == state


def test_a_proof_is_remembered_once_and_a_one_time_code_is_none() -> None:
    code = challenge(2, "laptop", "passed")
    code = replace(code, event=replace(code.event, method="otp", assurance="authenticated"))
    state = knowing(login(0), login(1, "laptop"), code)
    assert [device.proven for device in state.devices] == [False, False]
    state = knowing(login(0), login(1, "laptop"), challenge(2, "laptop", "passed"), code, login(3, "laptop"))
    assert [device.proven for device in state.devices] == [False, True]
    assert [device.first_ms for device in state.devices] == [0, 1]
