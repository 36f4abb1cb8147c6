"""Could a person have typed this at all?"""

from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise
from operator import add
from struct import pack
from typing import ClassVar

from msgspec import Struct

from menshen.contract.events import Envelope, Keystroke
from menshen.fraud.detector import CERTAIN, DetectorState, Finding, Layer, Reading
from menshen.fraud.detectors.behaviour.by_hand import typed_by_hand
from menshen.fraud.maths.chance import repetition, surprise, tells_apart, timer_step_ms
from menshen.fraud.maths.robust import mean_deviation
from menshen.fraud.sighting import Sighting

DIGEST_BYTES = 8


class InhumanTypingState(DetectorState, frozen=True, gc=False, array_like=True):
    """Digests of the newest visits, 8 bytes each: of those that somebody vouches for, and of the others."""

    vouched: bytes = b""
    unvouched: bytes = b""


class Typing(Struct, frozen=True, gc=False):
    """One visit's times without held backspaces, in ms, and the step of the clock that measured them."""

    holds: list[int]
    flights: list[int]
    presses: list[int]
    times: list[int]
    step_ms: float

    @property
    def keys_per_s(self) -> float:
        """The mean rate, as slow as the clock's step allows."""
        return 1000 * len(self.presses) / (max(0, sum(self.presses)) + self.step_ms)


@dataclass(frozen=True, slots=True)
class InhumanTyping:
    """Doubt typing that no hand can do, from one visit alone: it works for people never seen before.

    Fires when times repeat, or cycle, more exactly than hands do; when keys come faster than fingers move, or are held
    too briefly on real keys; and when a visit has the very times of an earlier one. Must not fire for fewer than
    `shortest_visit` keys, for typing that is not by hand (pasted, filled in, composed, dictated, with an aid), for a
    held backspace, for a touch keyboard's brief holds (some report press and release at once), nor because a browser
    rounds its clock: the coarser the clock, the more keys it takes.

    Every visit that tells enough apart leaves a digest. A visit that does not teach may leave one too, since a digest
    can only raise a doubt; but it goes to a ring of its own, so that it pushes out none that somebody vouches for.

    Parameters
    ----------
    shortest_visit : int
        Fewer keys say nothing. 10.
    steady_hold_ms, steady_flight_ms : float
        Standard deviation of hold and flight times in the steadiest of typists; larger is stricter. 8 and 22.
    brief_ms, usual_hold_ms : float
        A hold shorter than the first is inhuman; the second is how long quick typists hold a key. 12 and 50.
    fastest_per_s : float
        Keys a second beyond which a whole visit is inhuman. 25.
    tolerated, certain : float
        Surprise, in powers of ten, up to which nothing is doubted, and at which the doubt is full. 5 and 10.
    least_bits : float
        Visits that tell fewer bits apart leave no digest: they may repeat by chance. 40.
    n_vouched, n_unvouched : int
        How many digests are kept. 8 and 4.
    stands_ms : int
        How long a doubt weighs on the session. 30 minutes.

    References
    ----------
    Dhakal, V. et al. (2018), Observations on typing from 136 million keystrokes, CHI 2018: what people do.
    """

    shortest_visit: int = 10
    steady_hold_ms: float = 8.0
    steady_flight_ms: float = 22.0
    brief_ms: float = 12.0
    usual_hold_ms: float = 50.0
    fastest_per_s: float = 25.0
    tolerated: float = 5.0
    certain: float = 10.0
    least_bits: float = 40.0
    n_vouched: int = 8
    n_unvouched: int = 4
    stands_ms: int = 30 * 60_000

    name = "inhuman_typing"
    layer: ClassVar[Layer] = "behaviour"
    codes = ("INHUMAN_TYPING",)
    features = ("typing_keys_per_s", "typing_spread")
    listens: ClassVar[tuple[type[Envelope], ...]] = (Keystroke,)
    state = InhumanTypingState

    def step(self, state: InhumanTypingState, sighting: Sighting, /) -> Reading:
        """Judge a visit by what hands can do and by the digests; then leave its own."""
        visit = sighting.event
        if not typed_by_hand(visit) or len(visit.hold_ms) < self.shortest_visit:
            return Reading(state)
        typing = _typing(visit)
        if min(len(typing.holds), len(typing.presses) + 1) < self.shortest_visit:
            return Reading(state)
        digest, keys_per_s = self._digest(typing), typing.keys_per_s
        replayed = bool(digest) and (_holds(state.vouched, digest) or _holds(state.unvouched, digest))
        findings = self._doubts(typing, keys_per_s, replayed=replayed, real_keys=visit.input_method == "keyboard")
        usual_ms = sorted(typing.presses)[(len(typing.presses) - 1) // 2]
        spread = mean_deviation(typing.presses, usual_ms) / max(typing.step_ms, usual_ms)
        features = {"typing_keys_per_s": keys_per_s, "typing_spread": spread}
        return Reading(self._remember(state, digest, vouched=sighting.teaches), findings, features)

    def _doubts(self, typing: Typing, keys_per_s: float, *, replayed: bool, real_keys: bool) -> tuple[Finding, ...]:
        rushed = keys_per_s / self.fastest_per_s / 2 if keys_per_s > self.fastest_per_s else 0.0
        steady = self._steadiness(typing, least=0.0 if rushed else self.tolerated)
        strange = max(steady, self._briefness(typing)) if real_keys else steady
        unlikely = (strange - self.tolerated) / (self.certain - self.tolerated)
        doubt_pm = int(CERTAIN * min(1.0, max(unlikely, rushed, float(replayed))))
        if doubt_pm < 1:
            return ()
        evidence = {
            "n_keys": float(len(typing.holds)),
            "keys_per_s": round(keys_per_s, 1),
            **({"replayed": 1.0} if replayed else {"unlikely": round(min(99.0, strange), 1)}),
        }
        return (Finding("INHUMAN_TYPING", doubt_pm, self.stands_ms, evidence),)

    def _steadiness(self, typing: Typing, least: float) -> float:
        """Return the surprise at how times repeat; `least` where it is no more.

        Holds alone prove nothing, since some keyboards report them alike: they at most double what the others do.
        """
        flights = repetition(typing.flights, self.steady_flight_ms, typing.step_ms, least / 2)
        presses = repetition(typing.presses, self.steady_flight_ms, typing.step_ms, least / 2)
        between = max(flights, presses)
        if 2 * between <= least:
            return least
        return between + min(between, repetition(typing.holds, self.steady_hold_ms, typing.step_ms))

    def _briefness(self, typing: Typing) -> float:
        """Return the surprise at how many holds are too brief; a coarse clock shows many of them as none at all."""
        chance = max(0.1, 1 - self.usual_hold_ms / typing.step_ms)
        return surprise(sum(hold < self.brief_ms for hold in typing.holds), len(typing.holds), chance)

    def _digest(self, typing: Typing) -> bytes:
        if not tells_apart(typing.times, self.least_bits):
            return b""
        return blake2b(pack(f"<{len(typing.times)}i", *typing.times), digest_size=DIGEST_BYTES).digest()

    def _remember(self, state: InhumanTypingState, digest: bytes, *, vouched: bool) -> InhumanTypingState:
        if not digest:
            return state
        if vouched:
            return InhumanTypingState(_newest(state.vouched, digest, self.n_vouched), state.unvouched)
        return InhumanTypingState(state.vouched, _newest(state.unvouched, digest, self.n_unvouched))


def _typing(visit: Keystroke) -> Typing:
    """Leave out runs of backspaces: one held key repeats faster, and more evenly, than fingers do."""
    holds, flights = visit.hold_ms, visit.flight_ms
    presses = list(map(add, holds, flights))
    if "bb" in visit.classes:
        pairs = [i for i, pair in enumerate(pairwise(visit.classes)) if pair != ("b", "b")]
        in_run = {at for i, pair in enumerate(pairwise(visit.classes)) if pair == ("b", "b") for at in (i, i + 1)}
        holds = [hold_ms for i, hold_ms in enumerate(holds) if i not in in_run]
        flights, presses = [flights[i] for i in pairs], [presses[i] for i in pairs]
    times = holds + flights
    return Typing(holds, flights, presses, times, timer_step_ms(times))


def _digests(ring: bytes) -> tuple[bytes, ...]:
    return tuple(ring[at : at + DIGEST_BYTES] for at in range(0, len(ring), DIGEST_BYTES))


def _holds(ring: bytes, digest: bytes) -> bool:
    """Say whether the ring has the digest, and not just the same bytes across two others."""
    return digest in ring and digest in _digests(ring)


def _newest(ring: bytes, digest: bytes, n_kept: int) -> bytes:
    if digest in ring:
        ring = b"".join(known for known in _digests(ring) if known != digest)
    return (ring + digest)[-n_kept * DIGEST_BYTES :]
