"""What one event changed, for training, back-tests, audits and analysts; an assessment opens nothing."""

from collections.abc import Iterable, Iterator
from itertools import chain

from msgspec import Struct


class IpPlace(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Where an address is registered: a disc around a centre. Anonymised addresses say nothing about the person."""

    country: str
    latitude_deg: float
    longitude_deg: float
    radius_m: float
    anonymous: bool = False


class Observed(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What the shared state and the place base answered for one event, this event included.

    Other partitions write the same shared state, so a second reading may differ: the first is kept with the assessment
    and wins over any later one. Counts are distinct subjects within the window up to this event; 0 means not asked.
    """

    device_subjects_1h: int = 0
    device_subjects_1d: int = 0
    device_subjects_30d: int = 0
    ip_subjects_1h: int = 0
    ip_subjects_1d: int = 0
    ip_place: IpPlace | None = None


class Reason(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A stable code, what it adds to the score, and the figures behind it."""

    code: str
    points: int
    evidence: dict[str, float] = {}


class Versions(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What judged: policy, model and place base. An empty name means: none was in use."""

    policy: str = ""
    model: str = ""
    geo: str = ""


class Assessment(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One record per event that was judged. The first record of an `assessment_id` in the log is the valid one.

    `offset` is the event's place in its partition of the events topic, `appended_ms` the broker's time of it.
    `features` is the whole vector that was scored, in the model's order, None where a value was absent; given at
    decision points only. `deferred` says that the event came too late to make anything better.
    """

    assessment_id: str
    event_id: str
    event_type: str
    subject_id: str
    session_id: str
    offset: int
    appended_ms: int
    score: int
    reasons: tuple[Reason, ...] = ()
    observed: Observed = Observed()
    versions: Versions = Versions()
    features: tuple[float | None, ...] | None = None
    deferred: bool = False


class Shed(Struct, frozen=True, kw_only=True, gc=False):
    """What a flood kept from being judged, of one batch: a record without a key, ahead of the batch's assessments.

    An event in here that comes again is new: nothing was learned from it, not even that it came. `runs` has the first
    and the last offset, both included, of each run without a gap in this partition of the events topic. Of two records
    about one offset, this and an assessment, the first in the log is the valid one.
    """

    n_shed: int
    runs: tuple[tuple[int, int], ...]

    @staticmethod
    def of(offsets: Iterable[int]) -> "Shed":
        """Return the record for some offsets, in rising order."""
        runs: list[tuple[int, int]] = []
        for offset in offsets:
            first = runs.pop()[0] if runs and runs[-1][1] == offset - 1 else offset
            runs.append((first, offset))
        return Shed(n_shed=sum(last - first + 1 for first, last in runs), runs=tuple(runs))

    def offsets(self) -> Iterator[int]:
        """Yield the offsets, in rising order."""
        return chain.from_iterable(range(first, last + 1) for first, last in self.runs)


class JournalEntry(Struct, frozen=True, gc=False):
    """The part of an assessment that its own writer reads back after a claim."""

    subject_id: str
    event_id: str
    offset: int
    observed: Observed = Observed()
