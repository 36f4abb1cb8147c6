"""What one partition brings to a round: what of it is judged, beside what others bring, and what comes of it."""

from collections.abc import Collection, Iterable
from typing import TypeAlias

from msgspec import Struct

from menshen.contract.assessment import Observed
from menshen.detect.account import Published
from menshen.detect.arrivals import Arrival, Batch
from menshen.detect.ownership.partition import Partition
from menshen.fraud.sighting import Sighting
from menshen.fraud.step import Outcome, Rules, step, step_all
from menshen.fraud.subject import Subject
from menshen.shell.errors import StepFailed

NOTHING = Observed()


class Judged(Struct, frozen=True, gc=False):
    """An event with what came of it."""

    arrival: Arrival
    outcome: Outcome


class Portion(Struct):
    """What one partition brings to a round, and what becomes of it: `failure` if something went wrong with it.

    `arrivals` are those of the batch that are judged, `shed` the offsets of those that are not. `changed` are subjects
    as what was judged has left them, `outcomes` what came of it by offset, `judged` the same in the order of the log.
    """

    owned: Partition
    batch: Batch
    arrivals: list[Arrival] = []
    shed: list[int] = []
    observed: dict[int, Observed] = {}
    changed: dict[str, Subject] = {}
    outcomes: dict[int, Outcome] = {}
    judged: list[Judged] = []
    published: Published = Published((), (), 0, 0)
    failure: Exception | None = None

    def choose(self, shed: Collection[int]) -> None:
        """Sort out what is judged and what is shed; what the log says about an event stands."""
        owned, arrivals = self.owned, self.batch.arrivals
        if not shed and not owned.shed:
            self.arrivals, self.shed = arrivals, []
            return
        self.arrivals, self.shed = [], []
        for arrival in arrivals:
            offset = arrival.record.offset
            if offset in owned.shed or (offset in shed and offset not in owned.judged):
                self.shed.append(offset)
            else:
                self.arrivals.append(arrival)

    def from_journal(self) -> dict[int, Observed]:
        """Return what was observed for its events as the log tells it, by offset: that stands."""
        if not self.owned.journal:
            return {}
        known = ((arrival.record.offset, self.owned.journal.get(arrival.key)) for arrival in self.arrivals)
        return {offset: entry.observed for offset, entry in known if entry}

    def subject_named(self, name: str) -> Subject:
        """Return a subject as it is by now."""
        return self.changed.get(name) or self.owned.subjects[name]


Due: TypeAlias = tuple[Portion, Sighting]
"""An event that is to be judged, and the portion that brings it."""


def turns(portions: Iterable[Portion]) -> list[list[Due]]:
    """Sort events into turns, in none of which a subject comes twice: a subject's n-th event is in the n-th."""
    found = list[list[Due]]()
    for portion in portions:
        n_before = dict[str, int]()
        for arrival in portion.arrivals:
            record, name = arrival.record, arrival.event.subject_id
            n_before[name] = (n := n_before.get(name, 0)) + 1
            if n == len(found):
                found.append([])
            seen = portion.observed.get(record.offset, NOTHING)
            sighting = Sighting(arrival.event, record.offset, record.timestamp, arrival.content_crc, seen)
            found[n].append((portion, sighting))
    return found


def judge(due: Iterable[Due], rules: Rules) -> None:
    """Judge events of different subjects. If one cannot be stepped, its portion fails, and the others are judged."""
    due = [(portion, sighting) for portion, sighting in due if portion.failure is None]
    given = [(portion.subject_named(sighting.event.subject_id), sighting) for portion, sighting in due]
    try:
        outcomes = step_all(given, rules)
    except Exception:
        _find_failures(due, rules)
        if all(portion.failure is None for portion, _ in due):
            raise
        judge(due, rules)
        return
    for (portion, sighting), outcome in zip(due, outcomes, strict=True):
        portion.outcomes[sighting.offset] = outcome
        if outcome.assessment is not None:
            portion.changed[sighting.event.subject_id] = outcome.subject


def _find_failures(due: Iterable[Due], rules: Rules) -> None:
    """Step one event after the other, and have each portion fail by its first that cannot be stepped."""
    for portion, sighting in due:
        if portion.failure is None:
            try:
                step(portion.subject_named(sighting.event.subject_id), sighting, rules)
            except Exception as error:  # noqa: BLE001  # whatever it is, this event ends its worker by it
                portion.failure = StepFailed(portion.owned.number, sighting.offset)
                portion.failure.__cause__ = error
