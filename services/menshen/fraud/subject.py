"""What is remembered of one subject, packed into one blob of at most 4 KB.

Every record is an array: new fields go to the end, with a default, so that a blob of an earlier release still decodes.
"""

from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from menshen.contract.events import ChallengeMethod, Step
from menshen.contract.verdict import Decision
from menshen.fraud.detector import DetectorState, Finding

MAX_SUBJECT_BYTES = 4096
REMEMBERED_EVENTS = 64
REMEMBERED_CLAIMS = 16
_ENTRY_BYTES = 12


class RecentEvents(Struct, frozen=True, gc=False, array_like=True):
    """The newest event ids with a checksum of their content, 12 bytes each, the newest last."""

    packed: bytes = b""

    def content_of(self, key: bytes) -> bytes | None:
        """Return the 4-byte checksum that was remembered for an 8-byte event key, or None if it is not known."""
        at = self.packed.find(key)
        while at >= 0 and at % _ENTRY_BYTES:
            at = self.packed.find(key, at + 1)
        return None if at < 0 else self.packed[at + len(key) : at + _ENTRY_BYTES]

    def with_event(self, key: bytes, content: bytes, window: int = REMEMBERED_EVENTS) -> "RecentEvents":
        """Add an event; the oldest beyond the window, of two at least, gives way."""
        return RecentEvents(self.packed[-(window - 1) * _ENTRY_BYTES :] + (key + content))


class Visit(Struct, frozen=True, gc=False, array_like=True):
    """What came in during one session: the sources seen (one bit each), the newest feature values (float64), whether
    anybody vouched for it, and the device named last.
    """

    session: bytes
    last_ms: int
    seen: int = 0
    features: bytes = b""
    vouched: bool = False
    device: bytes = b""


class Standing(Struct, frozen=True, gc=False, array_like=True):
    """A doubt that goes on weighing on decisions until `until_ms`; `session` is empty where it weighs on them all.

    One that nobody vouches for never pushes out one that somebody does.
    """

    finding: Finding
    session: bytes
    until_ms: int
    vouched: bool = True


class Exemption(Struct, frozen=True, gc=False, array_like=True):
    """The subject passed a challenge on this device: the reasons that its method answers weigh nothing until then."""

    method: ChallengeMethod
    device: bytes
    until_ms: int


class Attempt(Struct, frozen=True, gc=False, array_like=True):
    """The gravest decision yet of one attempt at a step; within an attempt severity only rises.

    `codes` are those of all reasons that it was given for, as bits (`reasons.bits_of`).
    """

    key: bytes
    decision: Decision
    codes: int = 0


class Seen(Struct, frozen=True, gc=False, array_like=True):
    """What people had before them when they allowed something: how grave a decision (`SEVERITY`), for which codes."""

    gravity: int
    codes: int


class Ruling(Struct, frozen=True, gc=False, array_like=True):
    """What people decided about exactly one question, until `until_ms`. Without `seen` they blocked it."""

    key: bytes
    attempt: int
    until_ms: int
    seen: Seen | None = None


class OpenAllow(Struct, frozen=True, gc=False, array_like=True):
    """An allow that has not expired: what it takes to judge it again, and to say which one is taken back.

    `verdict` holds the 16 bytes of the verdict's id, `seen` what the people saw who had it allowed.
    """

    verdict: bytes
    expires_ms: int
    application_id: str
    step: Step
    attempt: int
    draw_id: str | None
    amount_max: str | None
    seen: Seen | None = None

    @property
    def verdict_id(self) -> str:
        """The verdict's id as it was published."""
        return str(UUID(bytes=self.verdict))


class Subject(Struct, frozen=True, gc=False, array_like=True):
    """One subject. `layout` names the features' order in which the visits' values are packed.

    `recent` remembers the events that somebody vouches for, `claims` the others: whoever can only claim to be the
    subject must not be able to flood the memory until an old event passes for a new one.
    """

    version: Literal[1] = 1
    recent: RecentEvents = RecentEvents()
    claims: RecentEvents = RecentEvents()
    layout: int = 0
    visits: tuple[Visit, ...] = ()
    standing: tuple[Standing, ...] = ()
    exemptions: tuple[Exemption, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    allows: tuple[OpenAllow, ...] = ()
    states: dict[str, Any] = {}
    """State by detector. A state that was not looked at since it was read is still packed (`msgspec.Raw`)."""
    rulings: tuple[Ruling, ...] = ()

    def content_of(self, key: bytes) -> bytes | None:
        """Return the checksum of a remembered event, whoever sent it."""
        if self.recent.packed.find(key) < 0 and self.claims.packed.find(key) < 0:
            return None
        known = self.recent.content_of(key)
        return self.claims.content_of(key) if known is None else known

    def with_event(self, key: bytes, content: bytes, *, claimed: bool) -> "Subject":
        """Remember an event among its like."""
        if claimed:
            return replace(self, claims=self.claims.with_event(key, content, REMEMBERED_CLAIMS))
        return replace(self, recent=self.recent.with_event(key, content))

    def state_of(self, detector: str, kind: type[DetectorState]) -> DetectorState:
        """Return a detector's state, or an empty one where nothing is known yet."""
        state = self.states.get(detector)
        if isinstance(state, kind):
            return state
        return kind() if state is None else msgspec.msgpack.decode(state, type=kind)


class _Packed(Subject, frozen=True, gc=False, array_like=True):
    states: dict[str, msgspec.Raw] = {}


_DECODER = msgspec.msgpack.Decoder(_Packed)
_ENCODER = msgspec.msgpack.Encoder()
NOBODY = Subject()


def pack(subject: Subject) -> bytes:
    """Return the blob of a subject; the same subject gives the same bytes."""
    return _ENCODER.encode(subject)


def unpack(blob: bytes) -> Subject:
    """Read a blob back; detectors' states stay packed until they are asked for.

    Raises
    ------
    msgspec.ValidationError
        It is no blob of this version. A newer release wrote it: calling again does not help.
    """
    return Subject(*msgspec.structs.astuple(_DECODER.decode(blob)))
