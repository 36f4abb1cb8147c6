from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from menshen.contract.assessment import Observed
from menshen.contract.events import Login
from menshen.fraud.detector import Finding
from menshen.fraud.detectors.conduct.failed_logins import FailedLogins, FailedLoginsState
from menshen.fraud.sighting import Sighting

DETECTOR = FailedLogins()
MINUTE_MS, HOUR_MS = 60_000, 3_600_000


def login(at_ms: int, outcome: str = "success", assurance: str = "authenticated", **said: Any) -> Sighting:
    ids = {"event_id": f"e{at_ms}", "subject_id": "s", "session_id": "v", "product_id": "p", "method": "password"}
    said = {"seq": 0, "occurred_ms": at_ms, "received_ms": at_ms, "outcome": outcome, "assurance": assurance, **said}
    return Sighting(Login(**{**ids, **said}), 0, at_ms, 0, Observed())


def failures(times_ms: Iterable[int]) -> list[Sighting]:
    return [login(at_ms, "failed", "claimed") for at_ms in times_ms]


def after(*sightings: Sighting, state: FailedLoginsState | None = None) -> FailedLoginsState:
    state = state or FailedLoginsState()
    for sighting in sightings:
        state = DETECTOR.step(state, sighting).state
    return state


def findings(state: FailedLoginsState, sighting: Sighting) -> tuple[Finding, ...]:
    return DETECTOR.step(state, sighting).findings


def doubt(state: FailedLoginsState, sighting: Sighting) -> int:
    return sum(finding.doubt_pm for finding in findings(state, sighting))


BURST = after(*failures(range(0, 20 * MINUTE_MS, MINUTE_MS)))


def test_an_owner_who_mistypes_three_times_is_not_doubted() -> None:
    state = FailedLoginsState()
    for sighting in (*failures([0, 10_000, 20_000]), login(30_000)):
        assert doubt(state, sighting) == 0
        state = after(sighting, state=state)


def test_the_success_right_after_a_burst_is_doubted_and_the_doubt_stands() -> None:
    (finding,) = findings(BURST, login(20 * MINUTE_MS))
    assert (finding.code, finding.doubt_pm, finding.stands_ms) == ("FAILED_LOGINS", 1000, 1_800_000)
    assert finding.evidence == {"failed": 10.0, "minutes": 10.0}
    assert not finding.subject_wide


def test_a_success_wipes_nothing_out() -> None:
    state = after(login(20 * MINUTE_MS), state=BURST)
    assert doubt(state, login(21 * MINUTE_MS)) == 1000


def test_every_failure_beyond_the_third_raises_the_doubt() -> None:
    doubts = [doubt(after(*failures(range(n))), login(n)) for n in range(12)]
    assert doubts == sorted(doubts)
    assert (doubts[3], doubts[4], doubts[10]) == (0, 142, 1000)


def test_the_doubt_goes_as_the_burst_leaves_the_window() -> None:
    doubts = [doubt(BURST, login(minute * MINUTE_MS)) for minute in (20, 72, 75, 80)]
    assert doubts[0] == 1000
    assert doubts[0] > doubts[1] > doubts[2] > doubts[3] == 0


def test_six_failures_over_a_day_are_no_burst() -> None:
    assert doubt(after(*failures(range(0, 24 * HOUR_MS, 4 * HOUR_MS))), login(24 * HOUR_MS)) == 0


def test_a_failed_login_is_itself_counted_but_its_doubt_does_not_stand() -> None:
    (finding,) = findings(after(*failures([0, 1, 2])), login(3, "failed", "claimed"))
    assert (finding.doubt_pm, finding.stands_ms) == (142, 0)


@pytest.mark.parametrize("assurance", ["claimed", "authenticated"])
def test_time_is_the_brokers_whatever_the_client_says(assurance: str) -> None:
    forged = [login(at_ms, "failed", assurance, occurred_ms=at_ms - 30 * HOUR_MS) for at_ms in range(10)]
    assert doubt(after(*forged), login(10)) == 1000


def test_ten_thousand_failures_take_no_more_room_than_ten() -> None:
    ten, many = (after(*failures(range(2**41, 2**41 + 1000 * n, 1000))) for n in (10, 10_000))
    assert len(msgspec.msgpack.encode(many)) == len(msgspec.msgpack.encode(ten)) < 60
