"""Plays the demonstration's scenarios in this process: the real step, policy, model and place base, but no servers."""

import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from menshen.contract.assessment import Observed
from menshen.contract.decoding import Undecodable, decode_event
from menshen.contract.events import Event
from menshen.demo.checking import Check, Played, check
from menshen.demo.scenarios import SCENARIOS, Scenario
from menshen.demo.story import Line
from menshen.fraud.detector import Detector
from menshen.fraud.detectors import DETECTORS, FEATURES
from menshen.fraud.policy import parse_policy
from menshen.fraud.sighting import Sighting
from menshen.fraud.step import Rules, step
from menshen.fraud.subject import NOBODY, Subject
from menshen.shell.bundled import bundled
from menshen.shell.geo import GeoBase
from menshen.shell.models import load

MIDNIGHT_MS = 1_757_001_600_000
HOUR_MS = 3_600_000
CODES = {code for detector in DETECTORS for code in detector.codes}


class Rehearsal:
    """Plays and checks scenarios, with the registry's detectors or with others in their place."""

    def __init__(self, base: Path) -> None:
        self._geo = GeoBase(base)
        self._policy = parse_policy(bundled("deploy/policy/default.toml").read_text(), CODES)
        self._model = load(bundled("deploy/models/default"), FEATURES)

    def checks(
        self, detectors: Sequence[Detector[Any]] = DETECTORS, scenarios: Sequence[Scenario] = SCENARIOS
    ) -> list[Check]:
        rules = Rules("demo", tuple(detectors), self._policy, self._model, self._geo.version)
        return [one for s in scenarios for one in check(s.name, self._play(s.lines(MIDNIGHT_MS), rules))]

    def _play(self, lines: Sequence[Line], rules: Rules) -> Iterator[Played]:
        subjects: dict[str, Subject] = defaultdict(lambda: NOBODY)
        on_device: dict[str, dict[str, int]] = defaultdict(dict)
        for offset, line in enumerate(lines):
            try:
                event = decode_event(line.value)
            except Undecodable as error:
                yield Played(line, rejection=error.reason)
                continue
            on_device[event.device_id][event.subject_id] = line.appended_ms
            seen = self._observed(event, [line.appended_ms - ms for ms in on_device[event.device_id].values()])
            sighting = Sighting(event, offset, line.appended_ms, zlib.crc32(line.value), seen)
            outcome = step(subjects[event.subject_id], sighting, rules)
            subjects[event.subject_id] = outcome.subject
            verdicts = [verdict for verdict in outcome.verdicts if verdict.kind != "revoke"]
            yield Played(line, outcome.assessment, *verdicts)

    def _observed(self, event: Event, ages_ms: list[int]) -> Observed:
        hour, day, month = (sum(age_ms <= n * HOUR_MS for age_ms in ages_ms) for n in (1, 24, 720))
        return Observed(
            device_subjects_1h=hour,
            device_subjects_1d=day,
            device_subjects_30d=month,
            ip_place=self._geo.locate(getattr(event, "ip", None)),
        )
