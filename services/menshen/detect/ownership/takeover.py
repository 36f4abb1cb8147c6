"""What a new owner of a partition does before its first batch: claim it, and catch up with what is published."""

from msgspec import Struct, json

from menshen.contract.assessment import JournalEntry, Shed
from menshen.contract.decoding import Undecodable, decode_event
from menshen.contract.topics import ASSESSMENTS, EVENTS, VERDICTS
from menshen.detect.arrivals import Arrival, shared_of
from menshen.detect.ownership.partition import EventKey, Journaled, Partition
from menshen.shell.errors import Refusal
from menshen.shell.kafka.clients import Reader
from menshen.shell.logs import logger
from menshen.shell.redis.store import Shared, Store

log = logger(__name__)
ENTRIES_A_CALL = 1000
_JOURNAL, _SHED = json.Decoder(JournalEntry), json.Decoder(Shed)


class _Answered(Struct):
    verdict_id: str
    subject_id: str
    event_id: str


_ANSWERED = json.Decoder(_Answered)


class Takeover:
    """Makes this worker the owner of partitions. Every step may raise `Unavailable`: then the claim is made again."""

    def __init__(self, store: Store, reader: Reader) -> None:
        self._store, self._reader = store, reader

    async def claim(self, number: int, n_partitions: int) -> Partition:
        """Become the owner, and read what is published beyond the mark.

        Raises `Refusal` if the log does not reach back to the mark, or ends before it, or if the number of partitions
        has changed.
        """
        await self._refuse_moved_subjects(n_partitions)
        claim = await self._store.claim(number)
        run = self._store.run
        owned = Partition(number, claim._replace(run=run))
        await self.refuse_a_gap(owned)
        if claim.run != run and owned.position > 0:
            await self._add_shared_entries_again(owned)
        await self._read_journal(owned)
        await self._read_answers(owned)
        log.info("claimed", partition=number, mark=claim.marks.mark, journal=len(owned.journal))
        return owned

    async def _refuse_moved_subjects(self, n_partitions: int) -> None:
        """With another number of partitions subjects lie elsewhere than their state does."""
        settled = await self._store.settled_partitions(n_partitions)
        if settled != n_partitions:
            raise Refusal(
                f"DEGRADED: {EVENTS} has {n_partitions} partitions, and had {settled} when this state was begun:"
                " go back to that number, or begin with a new tenant"
            )

    async def refuse_a_gap(self, owned: Partition) -> None:
        """Never skip silently: events that the log has lost cannot be judged any more, and nobody may pretend so."""
        first, end = await self._reader.span(EVENTS, owned.number)
        where = f"DEGRADED: partition {owned.number} of {EVENTS}, where the state ends before {owned.position},"
        if first > owned.position:
            raise Refusal(
                f"{where} begins only at {first}: restore a backup of Redis that reaches further, or see `menshen gaps`"
            )
        if end < owned.position:
            raise Refusal(f"{where} already ends at {end}: give the worker the Redis that belongs to this log")

    async def _add_shared_entries_again(self, owned: Partition) -> None:
        """Add the shared entries of all events up to the position: the server may have lost the newest ones."""
        log.warning("adding shared entries again", partition=owned.number, up_to=owned.position, run=owned.claim.run)
        first, _ = await self._reader.span(EVENTS, owned.number)
        entries = list[Shared]()
        async for record in self._reader.read(EVENTS, owned.number, first, owned.position):
            try:
                entries += shared_of(Arrival(record, decode_event(record.value)))
            except Undecodable:
                continue
            if len(entries) >= ENTRIES_A_CALL:
                await self._store.observe(entries)
                entries.clear()
        await self._store.observe(entries)

    async def _read_journal(self, owned: Partition) -> None:
        """Find the assessments of events beyond the mark, and what was shed there: the first word on each stands."""
        first, end = await self._reader.span(ASSESSMENTS, owned.number)
        async for record in self._reader.read(ASSESSMENTS, owned.number, max(first, owned.published_end), end):
            if record.key is None:
                self._find_shed(owned, record.offset, _SHED.decode(record.value))
                continue
            entry = _JOURNAL.decode(record.value)
            if entry.offset >= owned.position and entry.offset not in owned.shed:
                key: EventKey = entry.subject_id, entry.event_id
                owned.journal.setdefault(key, Journaled(record.offset, entry.offset, entry.observed))
                owned.judged.add(entry.offset)
        owned.published_end = end

    def _find_shed(self, owned: Partition, at: int, shed: Shed) -> None:
        for offset in shed.offsets():
            if offset >= owned.position and offset not in owned.judged:
                owned.shed.setdefault(offset, at)

    async def _read_answers(self, owned: Partition) -> None:
        """Find the verdicts that are published beyond the mark: a worker with newer rules must not answer again."""
        first, end = await self._reader.span(VERDICTS, owned.number)
        async for record in self._reader.read(VERDICTS, owned.number, max(first, owned.answered_end), end):
            verdict = _ANSWERED.decode(record.value)
            if entry := owned.journal.get((verdict.subject_id, verdict.event_id)):
                owned.answered.setdefault(verdict.verdict_id, entry._replace(at=record.offset))
        owned.answered_end = end
