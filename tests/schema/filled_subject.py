"""A subject of whom everything is remembered that can be: by the detectors, from the examples, and by hand."""

from pathlib import Path
from typing import Any

from msgspec.structs import replace
from schemas.generator.__main__ import ROOT
from tests.schema.reading import EVENT_NAMES, json_files

from menshen.contract.assessment import IpPlace, Observed
from menshen.contract.decoding import decode_event
from menshen.contract.events import Event
from menshen.fraud.detector import Finding
from menshen.fraud.detectors import DETECTORS
from menshen.fraud.sighting import Sighting
from menshen.fraud.subject import Attempt, Exemption, OpenAllow, RecentEvents, Ruling, Seen, Standing, Subject, Visit
from menshen.fraud.tagging import tag

HOUR_MS = 3_600_000
N_DAYS = 12
HOURS_TO_NIGHT = 7
OBSERVED = Observed(
    device_subjects_1h=1,
    ip_subjects_1h=2,
    ip_place=IpPlace(country="CN", latitude_deg=31.2, longitude_deg=121.5, radius_m=20_000.0),
)


def filled_subject() -> Subject:
    """Return a subject with every member filled, and with what each detector learns from the examples."""
    now_ms = 1_795_514_600_000
    finding = Finding("NEW_DEVICE", 1000, HOUR_MS, {"known_devices": 2.0}, subject_wide=True)
    verdict = bytes.fromhex("7d65909a0150ef91f9a628c76c3ebefc")
    return Subject(
        recent=RecentEvents().with_event(b"12345678", b"abcd").with_event(b"87654321", b"dcba"),
        claims=RecentEvents().with_event(b"claimed!", b"ffff"),
        layout=3_735_928_559,
        visits=(Visit(tag("v-1"), now_ms, 0b1001, b"\0" * 16, True, tag("device-1")),),
        standing=(Standing(finding, tag("v-1"), now_ms + HOUR_MS, False),),
        exemptions=(Exemption("face", tag("device-1"), now_ms + HOUR_MS),),
        attempts=(Attempt(tag("attempt"), "step_up", 0b11),),
        allows=(OpenAllow(verdict, now_ms + HOUR_MS, "app-1", "fund_transfer", 1, "draw-1", "5000.00", Seen(2, 0b1)),),
        states=states(),
        rulings=(
            Ruling(b"sixteen bytes---", 2, now_ms + HOUR_MS, Seen(3, 0b101)),
            Ruling(b"another question", 1, now_ms),
        ),
    )


def states() -> dict[str, Any]:
    """Return what each detector makes of the examples, seen again night after night on two devices."""
    learned: dict[str, Any] = {detector.name: detector.state() for detector in DETECTORS}
    for i, event in enumerate(_lives()):
        sighting = Sighting(event, i, event.received_ms, i, OBSERVED)
        for detector in DETECTORS:
            if type(event) in detector.listens:
                learned[detector.name] = detector.step(learned[detector.name], sighting).state
    return learned


def _lives() -> list[Event]:
    examples = [decode_event(path.read_bytes()) for name in EVENT_NAMES for path in _examples(name)]
    return [_again(event, day) for day in range(N_DAYS) for event in examples]


def _examples(name: str) -> list[Path]:
    return json_files(ROOT / "examples" / name)


def _again(event: Event, day: int) -> Event:
    later_ms = (day * 24 + HOURS_TO_NIGHT) * HOUR_MS
    return replace(
        event,
        event_id=f"{event.event_id}-{day}",
        session_id=f"{event.session_id}-{day}",
        device_id=f"device-{day % 2}",
        occurred_ms=event.occurred_ms + later_ms,
        received_ms=event.occurred_ms + later_ms + 200,
    )
