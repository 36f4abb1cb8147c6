"""A subject fits into its blob with everything that is remembered at its largest, whatever an attacker sends."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from msgspec.structs import replace
from tests.strategies import drawn_sightings, varied

from menshen.contract.assessment import IpPlace, Observed
from menshen.contract.events import FAMILIES, ChallengeMethod, GpsFix, Keystroke, Location, Login, Step
from menshen.contract.verdict import SEVERITY, Decision
from menshen.fraud.deciding import MAX_ALLOWS, MAX_ATTEMPTS
from menshen.fraud.detector import Detector, DetectorState, Finding
from menshen.fraud.detectors import DETECTORS, FEATURES
from menshen.fraud.excusing import MAX_EXEMPTIONS, MAX_RULINGS
from menshen.fraud.policy import parse_policy
from menshen.fraud.reasons import REASONS, bits_of
from menshen.fraud.sighting import Sighting
from menshen.fraud.step import Rules, step
from menshen.fraud.subject import (
    MAX_SUBJECT_BYTES,
    REMEMBERED_CLAIMS,
    REMEMBERED_EVENTS,
    Attempt,
    Exemption,
    OpenAllow,
    RecentEvents,
    Ruling,
    Seen,
    Standing,
    Subject,
    Visit,
    pack,
)
from menshen.fraud.visits import MAX_CLAIMED_VISITS, MAX_STANDING, MAX_VISITS, SOURCES

pytestmark = pytest.mark.slow

POLICY = Path(__file__).parents[2] / "deploy" / "policy" / "default.toml"
TAG, NOW_MS = b"12345678", 2**41
ENVELOPE: dict[str, Any] = {"subject_id": "s", "seq": 0, "received_ms": 0, "product_id": "p", "field": "other"}


def packed(value: object) -> int:
    return len(msgspec.msgpack.encode(value))


def keystrokes(i: int) -> Sighting:
    """Return a visit with every kind of key, by a hand, and each fourth time by a machine."""
    pace = 1 if i % 4 == 3 else 13
    classes = "".join("ldsbo"[at * at // 3 % 5] for at in range(120))
    holds, flights = ([base + (at * pace + i) % 47 for at in range(n)] for base, n in ((70, 120), (90, 119)))
    if pace == 1:
        holds, flights = [70] * 120, [90] * 119
    method = ("keyboard", "soft_keyboard")[i % 2]
    fields = {"hold_ms": holds, "flight_ms": flights, "classes": classes, "input_method": method}
    ids = {"event_id": f"k{i}", "session_id": f"s{i}", "occurred_ms": 0, "assurance": "authenticated"}
    return Sighting(Keystroke(**ENVELOPE, **ids, **fields), 0, 0, 0, Observed())


def login(i: int) -> Sighting:
    """Return a login on one of a handful of devices."""
    ids = {"event_id": f"l{i}", "session_id": f"s{i}", "occurred_ms": 0, "assurance": "authenticated"}
    said = {"outcome": "success", "method": "otp", "device_id": f"d{i % 7}"}
    envelope = {name: value for name, value in ENVELOPE.items() if name != "field"}
    return Sighting(Login(**envelope, **ids, **said), 0, 0, 0, Observed())


def fix(i: int) -> Sighting:
    """Return a fix on one side of the earth or the other, now and then a mocked one, and far from its address."""
    ids = {"event_id": f"f{i}", "session_id": f"s{i}", "occurred_ms": 0, "assurance": "authenticated"}
    envelope = {name: value for name, value in ENVELOPE.items() if name != "field"}
    gps = GpsFix(latitude_deg=40.0, longitude_deg=(-170.5, 10.5)[i % 2], accuracy_m=9.0, mocked=i % 3 == 0)
    place = IpPlace(country="XX", latitude_deg=-30.0, longitude_deg=80.0, radius_m=20_000.0)
    return Sighting(Location(**envelope, **ids, gps=gps, ip="192.0.2.1"), 0, 0, 0, Observed(ip_place=place))


def dated(sighting: Sighting, at_ms: int, i: int) -> Sighting:
    """Return the sighting at a time, and vouched for four times of five."""
    assurance = "claimed" if i % 5 == 2 else "authenticated"
    event = replace(sighting.event, occurred_ms=at_ms, assurance=assurance, subject_id="s")
    return replace(sighting, appended_ms=at_ms, event=event)


def history(detector: Detector[Any]) -> Iterator[Sighting]:
    """Yield what fills the memory: much of everything, most of it vouched for, with stamps as long as they are now."""
    pool = [sighting for kind in detector.listens for sighting in drawn_sightings(kind)]
    for i in range(1_000):
        typed = Keystroke in detector.listens and i % 2
        sighting = keystrokes(i // 2) if typed else varied(pool[i * 7 % len(pool)], i)
        yield dated(sighting, NOW_MS + i * 180_000, i)
    for family, made in ((Login, login), (Location, fix)):
        for hour in range(100 if family in detector.listens else 0):
            yield dated(made(hour), NOW_MS + 180_000_000 + hour * 3_600_000, 0)


@cache
def fullest() -> tuple[dict[str, DetectorState], tuple[Finding, ...]]:
    """Return each detector's largest state, and each code's largest finding that stands."""
    states, findings = dict[str, DetectorState](), dict[str, Finding]()
    for detector in DETECTORS:
        state = states[detector.name] = detector.state()
        for sighting in history(detector):
            reading = detector.step(state, sighting)
            state = reading.state
            states[detector.name] = max(states[detector.name], state, key=packed)
            for finding in (finding for finding in reading.findings if finding.stands_ms):
                findings[finding.code] = max(findings.get(finding.code, finding), finding, key=packed)
    return states, tuple(sorted(findings.values(), key=packed, reverse=True))


SEEN = Seen(max(SEVERITY.values()), bits_of(REASONS))
"""A reason more is a bit more: with the 17th code a set of them takes two bytes more."""


def largest_of(literal: Any) -> Any:
    return max(get_args(literal), key=len)


def allow(id_length: int) -> OpenAllow:
    longest = "x" * id_length
    return OpenAllow(b"x" * 16, NOW_MS, longest, largest_of(Step), 1000, longest, "9" * 12 + ".00", SEEN)


def brimful(id_length: int) -> Subject:
    """Return a subject in which every part is as large as it can be."""
    states, findings = fullest()
    return Subject(
        recent=RecentEvents(b"x" * 12 * REMEMBERED_EVENTS),
        claims=RecentEvents(b"x" * 12 * REMEMBERED_CLAIMS),
        layout=2**32 - 1,
        visits=(Visit(TAG, NOW_MS, 2 ** len(SOURCES) - 1, b"x" * 8 * len(FEATURES), True, TAG),)
        * (MAX_VISITS + MAX_CLAIMED_VISITS),
        standing=(Standing(findings[0], TAG, NOW_MS),) * MAX_STANDING,
        exemptions=(Exemption(largest_of(ChallengeMethod), TAG, NOW_MS),) * MAX_EXEMPTIONS,
        attempts=(Attempt(TAG, largest_of(Decision), SEEN.codes),) * MAX_ATTEMPTS,
        allows=(allow(id_length),) * MAX_ALLOWS,
        states=dict(states),
        rulings=(Ruling(TAG * 2, 1000, NOW_MS, SEEN),) * MAX_RULINGS,
    )


def test_the_history_makes_every_detector_raise_all_its_doubts_that_stand() -> None:
    """Without this, the sizes below would be those of half-empty memories."""
    _, findings = fullest()
    codes = {code for detector in DETECTORS for code in detector.codes} - {"NEW_DEVICE"}
    assert {finding.code for finding in findings} == codes


def test_a_subject_fits_its_blob_whatever_comes() -> None:
    """A thousand events of all families, five seconds apart, each in a session and on a device of its own."""
    codes = {code for detector in DETECTORS for code in detector.codes}
    rules = Rules("t", DETECTORS, parse_policy(POLICY.read_text(encoding="utf-8"), codes), model=None)
    pool = [sighting for kind in FAMILIES for sighting in drawn_sightings(kind)]
    subject = Subject()
    for i in range(1_000):
        sighting = keystrokes(i // 3) if i % 3 == 0 else varied(pool[i * 7 % len(pool)], i)
        subject = step(subject, dated(sighting, NOW_MS + i * 5_000, i), rules).subject
        assert len(pack(subject)) <= MAX_SUBJECT_BYTES
    assert len(subject.standing) == MAX_STANDING


@pytest.mark.parametrize("id_length", [36, 64])
def test_a_subject_fits_its_blob_with_every_part_at_its_largest(id_length: int) -> None:
    subject = brimful(id_length)
    parts = {name: packed(getattr(subject, name)) for name in subject.__struct_fields__}
    assert len(pack(subject)) <= MAX_SUBJECT_BYTES, parts
