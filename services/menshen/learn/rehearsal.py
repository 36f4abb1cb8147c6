"""Plays generated events through the real step, and takes the feature vectors that it wrote at the decision points."""

import bisect
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from menshen.contract.assessment import Observed
from menshen.fraud.detectors import DETECTORS, FEATURES
from menshen.fraud.policy import parse_policy
from menshen.fraud.sighting import SHOWING, Sighting
from menshen.fraud.step import Rules, step
from menshen.fraud.subject import NOBODY, Subject
from menshen.learn.places import place_of_ip
from menshen.learn.visits import HONEST, Told
from menshen.shell.bundled import bundled

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
TENANT = "rehearsal"
Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and of how much."""


class Rows(NamedTuple):
    """Decision points: feature values (n, n_features), NaN where absent; whose doing each was, and whose account."""

    values: NDArray[np.float64]
    stories: NDArray[np.str_]
    subjects: NDArray[np.str_]

    @property
    def fraud(self) -> NDArray[np.bool_]:
        """Which rows are a fraud's doing; (n,)."""
        return np.asarray(self.stories != HONEST)

    def of(self, chosen: NDArray[np.bool_]) -> "Rows":
        """Return the chosen rows."""
        return Rows(self.values[chosen], self.stories[chosen], self.subjects[chosen])


class SharedCounts:
    """Stands in for the shared state: who was seen on a device or an address, and how many within a window."""

    def __init__(self) -> None:
        self._latest: dict[str, dict[str, int]] = defaultdict(dict)

    def seen(self, identifier: str | None, subject_id: str, now_ms: int) -> tuple[int, int, int]:
        """Add one sighting; return the distinct subjects of 1 h, 1 d and 30 d, this one included."""
        if identifier is None:
            return 0, 0, 0
        latest = self._latest[identifier]
        latest[subject_id] = now_ms
        moments = sorted(latest.values())
        within = [len(moments) - bisect.bisect_left(moments, now_ms - ms) for ms in (HOUR_MS, DAY_MS, 30 * DAY_MS)]
        return within[0], within[1], within[2]


def rehearse(told: Sequence[Told], progress: Progress) -> Rows:
    """Judge the events in order, by the bundled policy and no model, and return the rows of the decision points."""
    policy = parse_policy(
        bundled("deploy/policy/default.toml").read_text(), {code for detector in DETECTORS for code in detector.codes}
    )
    rules = Rules(TENANT, DETECTORS, policy, model=None)
    judged = list(_judged(told, rules, progress))
    values = np.array([vector for vector, _ in judged], dtype=np.float64).reshape(len(judged), len(FEATURES))
    stories = np.array([line.story for _, line in judged])
    return Rows(values, stories, np.array([line.event.subject_id for _, line in judged]))


def _judged(told: Sequence[Told], rules: Rules, progress: Progress) -> Iterator[tuple[tuple[float | None, ...], Told]]:
    devices, addresses = SharedCounts(), SharedCounts()
    subjects: dict[str, Subject] = {}
    for offset, line in enumerate(told):
        event = line.event
        observed = _observed(line, devices, addresses)
        content_crc = zlib.crc32(msgspec.json.encode(event))
        sighting = Sighting(event, offset, line.appended_ms, content_crc, observed)
        outcome = step(subjects.get(event.subject_id, NOBODY), sighting, rules)
        subjects[event.subject_id] = outcome.subject
        if outcome.assessment and outcome.assessment.features is not None:
            yield outcome.assessment.features, line
        if offset % 1000 == 0 or offset + 1 == len(told):
            progress("judging generated events", offset + 1, len(told))


def _observed(line: Told, devices: SharedCounts, addresses: SharedCounts) -> Observed:
    event = line.event
    ip: str | None = getattr(event, "ip", None)
    place = place_of_ip(ip) if ip else None
    if type(event) not in SHOWING:
        return Observed(ip_place=place)
    on_device = devices.seen(event.device_id, event.subject_id, line.appended_ms)
    on_address = addresses.seen(ip, event.subject_id, line.appended_ms)
    return Observed(
        device_subjects_1h=on_device[0],
        device_subjects_1d=on_device[1],
        device_subjects_30d=on_device[2],
        ip_subjects_1h=on_address[0],
        ip_subjects_1d=on_address[1],
        ip_place=place,
    )
