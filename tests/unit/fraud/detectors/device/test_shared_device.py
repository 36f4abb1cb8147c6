from typing import Any

import pytest

from menshen.contract.assessment import Observed
from menshen.contract.events import Login
from menshen.fraud.detector import Reading
from menshen.fraud.detectors.device.shared_device import SharedDevice, SharedDeviceState
from menshen.fraud.sighting import Sighting

DETECTOR, NOTHING = SharedDevice(), SharedDeviceState()
ENVELOPE: dict[str, Any] = {
    "event_id": "e",
    "subject_id": "s",
    "session_id": "v",
    "seq": 0,
    "occurred_ms": 0,
    "received_ms": 0,
    "product_id": "p",
    "device_id": "tablet",
}


def look(hour: int = 0, day: int = 0, month: int = 0, assurance: str = "authenticated") -> Reading:
    counts = Observed(
        device_subjects_1h=hour, device_subjects_1d=max(hour, day), device_subjects_30d=max(hour, day, month)
    )
    event = Login(**ENVELOPE, assurance=assurance, outcome="success", method="password")  # type: ignore[arg-type]
    return DETECTOR.step(NOTHING, Sighting(event, 0, 0, 0, counts))


def doubt(hour: int = 0, day: int = 0, month: int = 0) -> int:
    return sum(finding.doubt_pm for finding in look(hour, day, month).findings)


def test_eight_subjects_a_day_are_a_farm_and_the_figures_say_so() -> None:
    (finding,) = look(hour=2, day=8, month=11).findings
    assert (finding.code, finding.doubt_pm, finding.stands_ms) == ("SHARED_DEVICE", 1000, 1_800_000)
    assert finding.evidence == {"subjects": 8.0, "hours": 24.0}


@pytest.mark.parametrize("window", ["hour", "day", "month"])
def test_a_family_of_three_is_not_doubted_even_within_one_hour(window: str) -> None:
    assert doubt(**{window: 3}) == 0
    assert doubt(**{window: 4}) > 0


@pytest.mark.parametrize(("window", "full"), [("hour", 6), ("day", 8), ("month", 15)])
def test_the_more_subjects_and_the_faster_the_greater_the_doubt(window: str, full: int) -> None:
    doubts = [doubt(**{window: n}) for n in range(3, 20)]
    assert doubts == sorted(doubts)
    assert doubts.index(1000) == full - 3


def test_counts_that_were_not_asked_for_say_nothing() -> None:
    assert look() == Reading(NOTHING)


def test_a_claim_is_doubted_as_well_since_a_farm_rarely_gets_further() -> None:
    assert look(day=8, assurance="claimed").findings == look(day=8).findings


def test_features_are_the_counts() -> None:
    assert look(hour=1, day=2, month=3).features == {"device_subjects_1d": 2.0, "device_subjects_30d": 3.0}
