from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.demo.rehearsing import CODES, HOUR_MS, MIDNIGHT_MS, Rehearsal

from menshen.demo.checking import Check
from menshen.demo.honest import honest_customer, traveller
from menshen.demo.places import write_base
from menshen.demo.scenarios import SCENARIOS, Scenario
from menshen.demo.story import DAY_MS, N_DAYS, Expected, first_midnight_ms
from menshen.fraud.detector import CERTAIN, Detector, Finding, Reading
from menshen.fraud.detectors import DETECTORS
from menshen.fraud.sighting import LATE_MS

BY_NAME = {detector.name: detector for detector in DETECTORS}


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    base = tmp_path_factory.mktemp("places") / "places.mmdb"
    write_base(base)
    return Rehearsal(base)


class Altered:
    """A detector that measures and learns as it always did, and whose findings are others."""

    def __init__(self, detector: Detector[Any], found: Callable[[Reading], tuple[Finding, ...]]) -> None:
        self._detector, self._found = detector, found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._detector, name)

    def step(self, state: Any, sighting: Any) -> Reading:
        reading = self._detector.step(state, sighting)
        return Reading(reading.state, self._found(reading), reading.features)


def blind(detector: Detector[Any]) -> Altered:
    return Altered(detector, lambda _: ())


def alarmed(detector: Detector[Any]) -> Altered:
    return Altered(detector, lambda _: (Finding(detector.codes[0], CERTAIN, stands_ms=60_000, evidence={}),))


def registry_with(altered: Altered) -> list[Any]:
    return [altered if detector.name == altered.name else detector for detector in DETECTORS]


def failed(checks: list[Check]) -> list[str]:
    return [f"{c.row.event_id} {c.row.what}: {c.expected} | {c.got}" for c in checks if not c.held]


def codes_of(scenario: Scenario) -> set[str]:
    expected = [line.expected for line in scenario.lines(0)]
    return {code for one in expected if isinstance(one, Expected) for code in one.codes}


def test_every_scenario_comes_out_as_its_story_says(rehearsal: Rehearsal) -> None:
    assert failed(rehearsal.checks()) == []


@pytest.mark.parametrize("name", BY_NAME)
def test_a_detector_that_sees_nothing_fails_the_demonstration(name: str, rehearsal: Rehearsal) -> None:
    (code,) = BY_NAME[name].codes
    checks = rehearsal.checks(registry_with(blind(BY_NAME[name])), [s for s in SCENARIOS if code in codes_of(s)])
    assert any(code in check.expected and code not in check.got for check in checks if not check.held)


@pytest.mark.parametrize("name", BY_NAME)
def test_a_detector_that_doubts_everybody_fails_an_honest_scenario(name: str, rehearsal: Rehearsal) -> None:
    (code,) = BY_NAME[name].codes
    checks = rehearsal.checks(registry_with(alarmed(BY_NAME[name])), SCENARIOS[:1])
    assert any(check.expected == "allow" and code in check.got for check in checks if not check.held)


def test_the_stories_together_name_every_reason_that_a_detector_gives() -> None:
    assert set().union(*map(codes_of, SCENARIOS)) == CODES


def test_each_scenario_says_what_it_is_about_and_checks_its_last_word() -> None:
    for scenario in SCENARIOS:
        assert scenario.text.endswith(".") and "\n" not in scenario.text
        assert scenario.lines(0)[-1].telling


def test_a_story_told_again_is_the_same() -> None:
    assert [scenario.lines(0) for scenario in SCENARIOS] == [scenario.lines(0) for scenario in SCENARIOS]


def test_scenarios_share_nobody_and_no_device() -> None:
    owners: dict[str, set[str]] = {}
    for scenario in SCENARIOS:
        for line in (line for line in scenario.lines(0) if line.event):
            for who in (line.subject_id, str(line.event.device_id)):
                owners.setdefault(who, set()).add(scenario.name)
    assert [who for who, names in owners.items() if len(names) > 1] == []


def test_a_subjects_records_follow_one_another_and_none_is_deferred() -> None:
    for scenario in SCENARIOS:
        last_ms: dict[str, int] = {}
        for line in scenario.lines(0):
            assert line.appended_ms > last_ms.get(line.subject_id, -1)
            last_ms[line.subject_id] = line.appended_ms
            assert line.event is None or 0 <= line.appended_ms - line.event.occurred_ms < LATE_MS


@pytest.mark.parametrize("now_ms", [MIDNIGHT_MS, MIDNIGHT_MS + 9 * HOUR_MS, MIDNIGHT_MS + 24 * HOUR_MS - 1])
def test_all_stories_are_over_when_they_are_played(now_ms: int) -> None:
    start_ms = first_midnight_ms(now_ms)
    told_ms = [line.appended_ms for scenario in SCENARIOS for line in scenario.lines(start_ms)]
    assert MIDNIGHT_MS - N_DAYS * DAY_MS == start_ms <= min(told_ms)
    assert max(told_ms) < now_ms


def test_the_name_and_the_text_of_a_scenario_come_from_its_tale() -> None:
    names = {scenario.name: scenario for scenario in SCENARIOS}
    assert names["honest-customer"].tale is honest_customer
    assert names["traveller"] == Scenario("traveller", str(traveller.__doc__), traveller)
