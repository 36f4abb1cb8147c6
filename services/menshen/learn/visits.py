"""One generated visit: the events of somebody with a device, at a place, with something in mind."""

from typing import Any, NamedTuple

import numpy as np
from msgspec import Struct

from menshen.contract.events import (
    Assurance,
    Challenge,
    ChallengeMethod,
    Checkpoint,
    Device,
    Envelope,
    Event,
    GpsFix,
    Keystroke,
    Location,
    Login,
    Step,
)
from menshen.learn.people import SCREENS_PX, Handset
from menshen.learn.typists import Script, Typist, typed

HONEST = "honest"


class Told(NamedTuple):
    """An event as it comes to stand in the log, and whose doing it is: `HONEST`, or the name of a fraud."""

    appended_ms: int
    event: Event
    story: str


class Plan(Struct, frozen=True, kw_only=True):
    """How a visit goes: who types on what from where, how often the login fails before, and what is asked for."""

    handset: Handset
    hand: Typist | Script
    ip: str
    gps: GpsFix | None = None
    n_failed: int = 0
    succeeds: bool = True
    by_code: bool = False
    """Logs in by a one-time code, not by password."""
    passes: ChallengeMethod | None = None
    """The further proof that is asked for and given."""
    fields: tuple[str, ...] = ()
    pastes: float = 0.0
    steps: tuple[Step, ...] = ()
    amount: float = 0.0


class Visit:
    """Writes the events of one visit, one after the other; times in ms since 1970."""

    def __init__(self, rng: np.random.Generator, subject_id: str, number: int, start_ms: int, *, story: str) -> None:
        self.told = list[Told]()
        self._rng, self._subject_id, self._story, self._now_ms = rng, subject_id, story, start_ms
        self._session_id = f"{subject_id}-v{number}"

    def follow(self, plan: Plan) -> list[Told]:
        """Return the events of a visit that goes by the plan."""
        if plan.handset.early:
            self._whereabouts(plan, "claimed")
        for _ in range(plan.n_failed):
            self._say(Login, plan, 12, assurance="claimed", outcome="failed", method="password", ip=plan.ip)
        if not plan.succeeds:
            return self.told
        method = "otp" if plan.by_code else "password"
        self._say(Login, plan, 10, outcome="success", method=method, ip=plan.ip)
        if not plan.handset.early or self._rng.random() < 0.5:
            self._whereabouts(plan, "authenticated")
        if plan.passes:
            self._say(Challenge, plan, 40, assurance="person", outcome="passed", method=plan.passes)
        for field in plan.fields:
            pasted = bool(self._rng.random() < plan.pastes)
            self._say(Keystroke, plan, 15, pasted=pasted, **typed(self._rng, plan.hand, field, plan.handset.keyboard))
        for step in plan.steps:
            self._ask(step, plan)
        return self.told

    def _whereabouts(self, plan: Plan, assurance: Assurance) -> None:
        width_px, height_px = SCREENS_PX[plan.handset.platform]
        described = {"platform": plan.handset.platform, "screen_width_px": width_px, "screen_height_px": height_px}
        flags = {"emulator": plan.handset.emulator, "rooted": plan.handset.rooted}
        self._say(Device, plan, 1, assurance=assurance, time_zone="Asia/Shanghai", **described, **flags)
        self._say(Location, plan, 2, assurance=assurance, gps=plan.gps, ip=plan.ip)

    def _ask(self, step: Step, plan: Plan) -> None:
        asked: dict[str, Any] = {"step": step, "attempt": 1, "application_id": f"{self._subject_id}-a"}
        if step == "fund_transfer":
            draw = {"draw_id": f"{self._session_id}-w", "payee_ref": f"{self._subject_id}-p"}
            asked |= {**draw, "amount": f"{plan.amount:.2f}", "currency": "CNY"}
        self._say(Checkpoint, plan, 45, **asked)

    def _say(self, kind: type[Envelope], plan: Plan, after_s: float, **fields: Any) -> None:
        self._now_ms += int(1000 * after_s * self._rng.uniform(0.5, 1.5))
        envelope = {
            "event_id": f"{self._session_id}-e{len(self.told)}",
            "subject_id": self._subject_id,
            "session_id": self._session_id,
            "seq": len(self.told),
            "occurred_ms": self._now_ms,
            "received_ms": self._now_ms + 40,
            "assurance": "authenticated",
            "product_id": "cash",
            "device_id": plan.handset.device_id,
        }
        event: Any = kind(**{**envelope, **fields})
        self.told.append(Told(self._now_ms + int(self._rng.integers(50, 400)), event, self._story))
