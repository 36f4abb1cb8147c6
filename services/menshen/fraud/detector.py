"""The contract of a detector: a pure step over a small state that scores first and learns after."""

from typing import Any, Literal, Protocol, TypeVar

from msgspec import Struct

from menshen.contract.events import Envelope
from menshen.fraud.sighting import Sighting

Layer = Literal["device", "place", "behaviour", "conduct"]
CERTAIN = 1000


class Finding(Struct, frozen=True, gc=False, array_like=True):
    """A doubt that a detector raises.

    `doubt_pm` runs from 1 (hardly unusual) to 1000 (surely not the honest customer), per mille. `stands_ms` is how long
    it weighs on decisions after the event; 0: on this event alone. Unless `subject_wide`, it weighs only on the session
    in which it was found. `evidence` holds the few figures that an analyst needs, units in the names.
    """

    code: str
    doubt_pm: int
    stands_ms: int
    evidence: dict[str, float]
    subject_wide: bool = False


class DetectorState(Struct, frozen=True, gc=False, array_like=True):
    """What a detector remembers of one subject. Without arguments: nothing is known yet.

    Stored as an array: a new field goes to the end, with a default, so that old state still decodes.
    """


S = TypeVar("S", bound=DetectorState)


class Reading(Struct, frozen=True, gc=False):
    """What a detector makes of one event: its next state, its doubts, and values for the model (absent: left out)."""

    state: Any
    findings: tuple[Finding, ...] = ()
    features: dict[str, float] | None = None


class Detector(Protocol[S]):
    """One question about an event, asked of one subject's own past and of what was observed.

    The promises that `tests/contract` holds for every line of the registry: the same state and sighting give the same
    reading; the state is not changed in place and stays below `MAX_STATE_BYTES` whatever comes; evidence that is absent
    raises no doubt; an event that does not teach (`Sighting.teaches`) leaves trust, places and templates as they were;
    doubts lie within 1 to 1000 and name only `codes`; feature values are finite and name only `features`.
    """

    @property
    def name(self) -> str:
        """The file's name, and the key of its state."""

    @property
    def layer(self) -> Layer:
        """The layer in which its points are summed."""

    @property
    def codes(self) -> tuple[str, ...]:
        """The reason codes that it may give."""

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the values that it gives to the model."""

    @property
    def listens(self) -> tuple[type[Envelope], ...]:
        """The families that it is asked about."""

    @property
    def state(self) -> type[S]:
        """The type of its state."""

    def step(self, state: S, sighting: Sighting, /) -> Reading:
        """Judge the event by the state as it was before, then learn from it where that is allowed."""


MAX_STATE_BYTES = 512
"""The largest state of one detector for one subject, packed."""
