"""Is somebody trying passwords?"""

from dataclasses import dataclass
from typing import ClassVar

from menshen.contract.events import Envelope, Login
from menshen.fraud.detector import CERTAIN, DetectorState, Finding, Layer, Reading
from menshen.fraud.sighting import Sighting


class FailedLoginsState(DetectorState, frozen=True, gc=False, array_like=True):
    """When the newest logins failed, by the broker's clock in s, rising."""

    failed_s: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class FailedLogins:
    """Doubt logins that come in or after a burst of failed ones.

    Fires the more, the more logins failed within the window, this one included. A login that succeeds wipes nothing
    out: the success right after a burst is the one to fear, and its doubt goes on weighing on its session.

    Must not fire for an owner who mistypes three times, nor for one who comes when the burst has left the window.

    Nobody vouches for a login that failed, so it counts whoever sent it. It can raise this one doubt alone, on the
    sessions that begin while the attack lasts, and no further than its weight: a one-time code answers it.

    Parameters
    ----------
    window_s : int
        How long a failure counts. 1 hour.
    tolerated : int
        Failures up to which nothing is doubted; larger is milder. 3.
    certain : int
        Failures from which the doubt is full, and as many as are remembered. 10.
    stands_ms : int
        How long the doubt of a login that succeeded weighs on its session. 30 minutes.
    """

    window_s: int = 3_600
    tolerated: int = 3
    certain: int = 10
    stands_ms: int = 30 * 60_000

    name = "failed_logins"
    layer: ClassVar[Layer] = "conduct"
    codes = ("FAILED_LOGINS",)
    features = ("failed_logins_1h",)
    listens: ClassVar[tuple[type[Envelope], ...]] = (Login,)
    state = FailedLoginsState

    def step(self, state: FailedLoginsState, sighting: Sighting, /) -> Reading:
        """Count the failures, this one too; a login that succeeded leaves them as they are."""
        event, now_s = sighting.event, sighting.appended_ms // 1000
        if not isinstance(event, Login):
            return Reading(state)
        failed = event.outcome == "failed"
        if failed:
            state = FailedLoginsState(tuple(sorted((*state.failed_s, now_s))[-self.certain :]))
        recent_s = [at_s for at_s in state.failed_s if at_s > now_s - self.window_s]
        features = {"failed_logins_1h": float(len(recent_s))}
        doubt_pm = CERTAIN * (len(recent_s) - self.tolerated) // (self.certain - self.tolerated)
        if doubt_pm < 1:
            return Reading(state, (), features)
        evidence = {"failed": float(len(recent_s)), "minutes": round((now_s - recent_s[0]) / 60, 1)}
        finding = Finding("FAILED_LOGINS", doubt_pm, 0 if failed else self.stands_ms, evidence)
        return Reading(state, (finding,), features)
