"""The audit: some subjects are counted again from the log, and Redis must hold what comes out."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from msgspec import json

from menshen.contract.assessment import JournalEntry, Observed, Shed
from menshen.contract.topics import ASSESSMENTS, EVENTS
from menshen.detect.arrivals import decode
from menshen.detect.ownership.partition import EventKey, Partition
from menshen.detect.rules import Rulebook
from menshen.fraud.sighting import Sighting
from menshen.fraud.step import Rules, step
from menshen.fraud.subject import NOBODY, pack, unpack
from menshen.shell import metrics
from menshen.shell.errors import Unavailable
from menshen.shell.kafka.clients import Reader
from menshen.shell.logs import logger
from menshen.shell.redis.store import Held, Store

log = logger(__name__)
SUBJECTS = 16
"""Of one partition, the ones seen last: they are the likeliest to be seen again before the second look."""
EVENTS_BETWEEN = 500
LOOK_S, LONGEST_S = 0.5, 30.0
_JOURNAL, _SHED = json.Decoder(JournalEntry), json.Decoder(Shed)


class Told(NamedTuple):
    """What the log says of events: what was observed by the first record of each, and the offsets of those shed."""

    observed: dict[EventKey, Observed]
    shed: set[int]


class Audited(NamedTuple):
    """What an audit of one partition found: subjects and events counted again, and the subjects that differ."""

    subjects: int
    events: int
    differ: list[str]


class Audit:
    """Looks at the saved state twice, and counts from the first look to the second what the log holds in between.

    What was observed for an event is taken from the first record of it, as every consumer does. So it finds what
    nothing else would: another owner's record that came first, a blob that was restored, damaged or changed by hand.
    """

    def __init__(self, store: Store, reader: Reader, rulebook: Rulebook) -> None:
        self._store, self._reader, self._rulebook = store, reader, rulebook

    async def run(self, owned: Callable[[], Iterable[Partition]], interval_s: float) -> None:
        """Audit one partition of this worker after the other, an audit an interval, until it is cancelled.

        Without an interval none is made. An audit that fails is no reason to stop judging: it is logged.
        """
        while interval_s:
            for partition in list(owned()):
                await asyncio.sleep(interval_s)
                try:
                    await self._tell(partition)
                except Unavailable as outage:
                    log.info("not audited", partition=partition.number, why=str(outage))
                except Exception:
                    log.critical("an audit failed", partition=partition.number, exc_info=True)
            await asyncio.sleep(LOOK_S)

    async def _tell(self, owned: Partition) -> None:
        audited = await self.audit(owned)
        if audited is None:
            return
        metrics.AUDITED.inc(audited.subjects)
        metrics.AUDIT_DIFFERENCES.inc(len(audited.differ))
        for name in audited.differ:
            log.error("the state differs from the log", partition=owned.number, subject_id=name)
        log.info("audited", partition=owned.number, subjects=audited.subjects, events=audited.events)

    async def audit(self, owned: Partition) -> Audited | None:
        """Audit one partition; None where nothing can be said: no subject, another owner, or other rules meanwhile.

        Raises `Unavailable` if Kafka or Redis does not answer; call again.
        """
        names, rules = list(owned.subjects)[-SUBJECTS:], self._rulebook.current
        if not names:
            return None
        before = await self._store.look(owned.number, names)
        after = await self._second_look(owned.number, names, before.mark)
        ours = before.owner == after.owner == owned.claim.token
        if not ours or rules is not self._rulebook.current or after.mark <= before.mark:
            return None
        recount = _Recount(before, rules, await self._told(owned.number, names, before.vmark))
        async for record in self._reader.read(EVENTS, owned.number, before.mark + 1, after.mark + 1):
            recount.take(record)
        return recount.against(after)

    async def _second_look(self, number: int, names: list[str], mark: int) -> Held:
        """Look again once enough has been saved, or when enough time has passed."""
        clock = asyncio.get_running_loop().time
        until_s = clock() + LONGEST_S
        while True:
            await asyncio.sleep(LOOK_S)
            held = await self._store.look(number, names)
            if held.mark - mark >= EVENTS_BETWEEN or clock() >= until_s:
                return held

    async def _told(self, number: int, names: list[str], start: int) -> Told:
        """Return what the log of assessments says of the events of these subjects, from a place on."""
        first, end = await self._reader.span(ASSESSMENTS, number)
        keys, told, judged = {name.encode() for name in names}, Told({}, set()), set[int]()
        async for record in self._reader.read(ASSESSMENTS, number, max(first, start), end):
            if record.key is None:
                told.shed.update(offset for offset in _SHED.decode(record.value).offsets() if offset not in judged)
            elif record.key in keys and (entry := _JOURNAL.decode(record.value)).offset not in told.shed:
                judged.add(entry.offset)
                told.observed.setdefault((entry.subject_id, entry.event_id), entry.observed)
        return told


class _Recount:
    """Steps some subjects once more, event by event."""

    def __init__(self, held: Held, rules: Rules, told: Told) -> None:
        self._blobs = dict(held.blobs)
        self._subjects = {name: NOBODY if blob is None else unpack(blob) for name, blob in held.blobs.items()}
        self._rules, self._told = rules, told
        self._n_events = 0

    def take(self, record: Any) -> None:
        """Step a record of the log if it is about one of the subjects, unless it was shed."""
        name = (record.key or b"").decode(errors="replace")
        if record.offset in self._told.shed:
            return
        for arrival in decode([record], 0, self._subjects).arrivals if name in self._subjects else ():
            seen = self._told.observed.get(arrival.key, Observed())
            sighting = Sighting(arrival.event, record.offset, record.timestamp, arrival.content_crc, seen)
            try:
                outcome = step(self._subjects[name], sighting, self._rules)
            except Exception:  # noqa: BLE001  # the owner, who is behind it, has met it too: it is a dead letter by now
                return
            self._n_events += 1
            if outcome.assessment:
                self._subjects[name], self._blobs[name] = outcome.subject, pack(outcome.subject)

    def against(self, held: Held) -> Audited:
        """Compare with what is held now."""
        differ = [name for name in self._subjects if held.blobs[name] != self._blobs[name]]
        return Audited(len(self._subjects), self._n_events, differ)
