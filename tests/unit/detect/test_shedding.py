"""What is shed at which age, and that a flood is told once."""

from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture
from tests.unit.detect.test_arrivals import IDS, N_PARTITIONS, TIMES, Record

from menshen.contract.decoding import encode_event
from menshen.contract.events import Checkpoint, Device, Envelope, Keystroke, Label, Location, Login, Pointer
from menshen.detect.arrivals import Arrival, decode
from menshen.detect.shedding import CALM_MS, TELEMETRY, Shedding

ASKED = {"application_id": "a", "device_id": "phone", "step": "agreement", "attempt": 1}
SAID: dict[type[Envelope], dict[str, Any]] = {
    Login: {"outcome": "success", "method": "otp"},
    Device: {"platform": "android"},
    Keystroke: {"field": "name", "hold_ms": [80], "flight_ms": [], "classes": "l"},
    Pointer: {"kind": "touch", "starts": [0], "t_ms": [0], "x_px": [1], "y_px": [1]},
    Location: {},
    Checkpoint: ASKED,
    Label: {"about_event_id": "e1", "truth": "honest", "source": "customer"},
}


class Clock:
    now_ms = 0

    def __call__(self) -> int:
        return self.now_ms


def arrival(family: type[Envelope], appended_ms: int = 1_000) -> Arrival:
    value = encode_event(family(**IDS, **TIMES, **SAID[family]))
    (one,) = decode([Record(value, timestamp=appended_ms)], N_PARTITIONS, ()).arrivals
    return one


@pytest.mark.parametrize("family", list(SAID))
@pytest.mark.parametrize(("now_ms", "is_old"), [(1_099, False), (1_100, True)])
def test_telemetry_is_shed_from_its_age_on_and_nothing_else_ever(
    family: type[Envelope], now_ms: int, is_old: bool
) -> None:
    clock = Clock()
    clock.now_ms = now_ms
    one = arrival(family)
    shed = Shedding(100, clock).of([one])
    assert shed == ({one.record.offset} if is_old and family in TELEMETRY else set())


def test_nothing_is_shed_unless_it_is_asked_for() -> None:
    clock = Clock()
    clock.now_ms = 10**12
    assert Shedding(0, clock).of([arrival(Pointer)]) == set()


def test_a_flood_is_told_once_and_its_end_once_it_is_calm(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, lines, n_told = Clock(), LogCapture(), list[int]()
    monkeypatch.setattr("menshen.detect.shedding.log", structlog.wrap_logger(None, processors=[lines]))
    shedding = Shedding(100, clock)
    for now_ms, family in ((2_000, Pointer), (2_001, Login), (3_000, Pointer), (3_001 + CALM_MS, Login)):
        clock.now_ms = now_ms
        shedding.of([arrival(family)])
        n_told.append(len(lines.entries))
    assert n_told == [1, 1, 1, 2]
    assert [line["log_level"] for line in lines.entries] == ["warning", "info"]
