"""A subject's story, told event by event: what is sent, and what the step makes of it."""

import zlib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace

from menshen.contract.assessment import Observed
from menshen.contract.decoding import encode_event
from menshen.contract.events import (
    Challenge,
    Checkpoint,
    Device,
    Envelope,
    GpsFix,
    Keystroke,
    Label,
    Location,
    Login,
    Override,
)
from menshen.contract.verdict import Verdict
from menshen.fraud.detectors import DETECTORS, FEATURES
from menshen.fraud.maths.trees import planted
from menshen.fraud.model import Anomaly, Model, Risk
from menshen.fraud.policy import Policy, parse_policy
from menshen.fraud.sighting import Sighting
from menshen.fraud.step import Outcome, Rules, step
from menshen.fraud.subject import NOBODY, Subject

DEFAULT_POLICY = Path(__file__).parents[3] / "deploy" / "policy" / "default.toml"
CODES = frozenset(code for detector in DETECTORS for code in detector.codes)
NOON_MS = 1_700_020_800_000
"""Noon in China, when nobody is doubted for the hour."""

HOME = GpsFix(latitude_deg=22.543217, longitude_deg=114.057865, accuracy_m=12.7)
PARIS = GpsFix(latitude_deg=48.856614, longitude_deg=2.352222, accuracy_m=12.7)
FARM, CROWD = Observed(device_subjects_1h=6), Observed(device_subjects_1h=5)
"""What is observed of a device that makes SHARED_DEVICE certain (700 points), or two thirds so (466 points)."""

FAMILIES: dict[type[Envelope], dict[str, Any]] = {
    Login: {"outcome": "success", "method": "otp"},
    Device: {"platform": "android"},
    Location: {"gps": HOME},
    Challenge: {"outcome": "passed", "method": "face"},
    Checkpoint: {"application_id": "a1", "step": "agreement", "attempt": 1},
    Keystroke: {"field": "name", "hold_ms": [80], "flight_ms": [], "classes": "l"},
    Override: {"application_id": "a1", "step": "agreement", "attempt": 1, "decision": "allow", "operators": ["o1"]},
    Label: {"about_event_id": "e1", "truth": "honest", "source": "customer"},
}
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
ON_D2 = {"device_id": "d2", "session_id": "v2"}
TRANSFER = {"step": "fund_transfer", "draw_id": "w1", "payee_ref": "p1", "amount": "100.00", "currency": "CNY"}


@cache
def default_policy() -> Policy:
    return parse_policy(DEFAULT_POLICY.read_text(encoding="utf-8"), CODES)


def flat_model(risk: float, n_inputs: int = len(FEATURES)) -> Model:
    """Return a model that gives every row the same risk and finds nothing odd."""
    columns = {"roots": [0], "feature": [0], "left": [0], "right": [0]}
    arrays = {name: np.array(values) for name, values in columns.items()}
    arrays |= {"threshold": np.zeros(1), "value": np.zeros(1), "absent_left": np.zeros(1, dtype=np.bool_)}
    tree = planted(arrays, n_inputs)
    log_odds = float(np.log(risk / (1 - risk)))
    anomaly = Anomaly(tree, 1.0, (2.0,) * 1000, np.zeros(n_inputs))
    return Model("flat-1", n_inputs, tuple(range(n_inputs)), Risk(tree, log_odds, -1.0, 0.0), anomaly)


def rules(**changes: Any) -> Rules:
    given = {"tenant": "t", "detectors": DETECTORS, "policy": default_policy(), "model": flat_model(0.01)}
    return Rules(**{**given, **changes})


def policy_with(**changes: Any) -> Policy:
    return replace(default_policy(), **changes)


@dataclass
class Story:
    """One subject's log, judged as it is written; each event comes a second after the one before."""

    rules: Rules = field(default_factory=rules)
    subject: Subject = NOBODY
    now_ms: int = NOON_MS
    log: list[Sighting] = field(default_factory=list)

    def send(self, family: type[Envelope], /, *, after_s: float = 1, late_s: int = 0, **fields: Any) -> Outcome:
        """Append an event and judge it; `observed` and any of the event's fields may be given."""
        observed = fields.pop("observed", Observed())
        self.now_ms += int(after_s * 1000)
        offset, at_ms = len(self.log), self.now_ms - late_s * 1000
        envelope = {
            "event_id": f"e{offset}",
            "subject_id": "s1",
            "session_id": "v1",
            "seq": offset,
            "occurred_ms": at_ms,
            "received_ms": at_ms,
            "assurance": "authenticated",
            "product_id": "loan",
            "device_id": "d1",
        }
        event = family(**{**envelope, **FAMILIES[family], **fields})
        return self.judge(Sighting(event, offset, self.now_ms, zlib.crc32(encode_event(event)), observed))

    def judge(self, sighting: Sighting) -> Outcome:
        self.log.append(sighting)
        outcome = step(self.subject, sighting, self.rules)
        self.subject = outcome.subject
        return outcome

    def verdict(self, family: type[Envelope], /, **fields: Any) -> Verdict:
        """Send a decision point and return its one answer."""
        (answer,) = [verdict for verdict in self.send(family, **fields).verdicts if verdict.kind != "revoke"]
        return answer

    def visit(self, **fields: Any) -> None:
        """Log in and send what a visit usually sends."""
        for family in (Login, Device, Location):
            self.send(family, **fields)


def codes(verdict: Verdict) -> set[str]:
    return {reason.code for reason in verdict.reasons}


def known_customer(by: Rules | None = None) -> Story:
    """A customer of three days on one device, at his checkpoint today."""
    story = Story(by or rules())
    for day in range(3):
        story.visit(session_id=f"v-{day}", after_s=DAY_S)
    story.visit(after_s=DAY_S)
    return story


def with_new_device(by: Rules | None = None) -> Story:
    """The same customer, having logged in today on a device that he never used."""
    story = known_customer(by)
    story.visit(**ON_D2, after_s=HOUR_S)
    return story
