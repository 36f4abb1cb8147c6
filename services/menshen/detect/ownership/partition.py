"""One partition that this worker owns: everything that is forgotten when it loses it."""

import asyncio
from itertools import chain, islice
from typing import Any, NamedTuple

from menshen.contract.assessment import Observed
from menshen.fraud.subject import Subject
from menshen.shell.redis.store import Claim, Marks

MAX_SUBJECTS = 20_000
"""Subjects kept in memory once they are saved; the ones unused longest are read again when they come back."""

MOST_FAILURES = 3
"""How many times stepping one event may fail before it goes to the dead letters."""


EventKey = tuple[str, str]
"""Subject and event id: two subjects' events may bear one id."""


class Journaled(NamedTuple):
    """What is published about an event beyond the mark: where, for which event offset, and what was observed for it."""

    at: int
    offset: int
    observed: Observed


class Partition:
    """The state of one owned partition.

    `position` is the offset of the next event to judge, `quarantined` those that shall not be stepped again.
    `subjects` holds every blob that was read (this worker is their only writer), `changed` the names of those that
    Redis has not got yet. `journal` and `answered` are what the assessment and verdict partitions already hold beyond
    the mark, by subject and event id, and by verdict id; `judged` are the offsets of the events that were, and `shed`
    tells of each that was passed over where that is written down. Whoever judges or saves holds `busy`. `waiting` are
    records that were fetched, at last when `polled_at_s` says on the event loop's clock.
    """

    def __init__(self, number: int, claim: Claim) -> None:
        self.number = number
        self.claim = claim
        self.position = claim.marks.mark + 1
        self.quarantined = {offset for offset, n_times in claim.failed.items() if n_times >= MOST_FAILURES}
        self.subjects: dict[str, Subject] = {}
        self.changed: set[str] = set()
        self.journal: dict[EventKey, Journaled] = {}
        self.judged: set[int] = set()
        self.shed: dict[int, int] = {}
        self.answered: dict[str, Journaled] = {}
        self.published_end = claim.marks.vmark
        self.answered_end = claim.marks.wmark
        self.waiting: list[Any] = []
        self.busy = asyncio.Lock()
        self.polled_at_s = 0.0

    @property
    def unsaved(self) -> bool:
        """Say whether events were judged that the snapshot in Redis does not include."""
        return self.position > self.claim.marks.mark + 1

    def take(self, limit: int) -> list[Any]:
        """Return the records of the next batch, or none while they have not all been fetched.

        A stored intent has fixed one batch's range: that batch is taken whole, and none before it may reach into it.
        """
        intent = self.claim.intent
        if intent and intent.first <= self.position <= intent.last:
            whole = bool(self.waiting) and self.waiting[-1].offset >= intent.last
            return self._cut(lambda record: record.offset <= intent.last) if whole else []
        if intent and intent.first > self.position:
            return self._cut(lambda record: record.offset < intent.first, limit)
        return self._cut(lambda record: True, limit)

    def _cut(self, belongs: Any, limit: int | None = None) -> list[Any]:
        batch = [record for record in self.waiting[:limit] if belongs(record)]
        self.waiting = self.waiting[len(batch) :]
        return batch

    def remember(self, name: str, subject: Subject, *, changed: bool) -> None:
        """Hold a subject in memory, as the one used last."""
        self.subjects.pop(name, None)
        self.subjects[name] = subject
        if changed:
            self.changed.add(name)

    def marks(self) -> Marks:
        """Return how far a snapshot taken now reaches; records of later events hold the two log positions back."""
        mark = self.position - 1
        journaled = (j.at for j in self.journal.values() if j.offset > mark)
        noted = (at for offset, at in self.shed.items() if offset > mark)
        vmark = min(chain(journaled, noted), default=self.published_end)
        wmark = min((j.at for j in self.answered.values() if j.offset > mark), default=self.answered_end)
        return Marks(mark, vmark, wmark)

    def saved(self, marks: Marks) -> None:
        """Take note that Redis holds the snapshot that reaches to `marks`."""
        intent = self.claim.intent
        kept = intent if intent and intent.first > marks.mark else None
        self.claim = self.claim._replace(marks=marks, intent=kept)
        self.journal = {event: j for event, j in self.journal.items() if j.offset > marks.mark}
        self.judged = {offset for offset in self.judged if offset > marks.mark}
        self.shed = {offset: at for offset, at in self.shed.items() if offset > marks.mark}
        self.answered = {verdict: j for verdict, j in self.answered.items() if j.offset > marks.mark}
        self.changed.clear()
        for name in list(islice(self.subjects, max(0, len(self.subjects) - MAX_SUBJECTS))):
            del self.subjects[name]
