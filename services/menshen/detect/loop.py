"""The loop: decode, observe, open, step, publish, and every so often save. The order is the correctness.

Nothing is stepped or published that `open` did not allow; nothing is saved that is not published. What a crash repeats
is byte-identical, because what was observed is stored with the intent before the step, and with the record after it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from itertools import islice
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from menshen.contract.assessment import Observed, Shed
from menshen.contract.dead_letter import RejectReason
from menshen.contract.topics import ASSESSMENTS, DEAD_LETTERS, VERDICTS
from menshen.contract.verdict import Verdict
from menshen.detect.account import Published, Stopwatch, tell
from menshen.detect.arrivals import Arrival, dead_letter, decode, shared_of
from menshen.detect.ownership.partition import Partition
from menshen.detect.portion import NOTHING, Judged, Portion, judge, turns
from menshen.detect.rules import Rulebook
from menshen.detect.shedding import Shedding
from menshen.fraud.subject import NOBODY, pack, unpack
from menshen.shell.errors import Stale, StepFailed
from menshen.shell.geo import GeoBase
from menshen.shell.kafka.clients import Outgoing, Publisher
from menshen.shell.logs import logger
from menshen.shell.redis.store import Intent, Store
from menshen.shell.signing import Signer
from menshen.shell.together import Together

log = logger(__name__)
EVENTS_AT_A_STRETCH = 64
"""Once so many are judged, whatever else is ready has its turn: answers, heartbeats, records of other partitions."""
EVENTS_A_ROUND = 512
"""Partitions that bring more together go in rounds of their own: while one is judged, another's records are sent."""
_OTHER_CONTENT = "the event_id was seen before with another content"
_DECIDED = msgspec.msgpack.Decoder(tuple[dict[int, Observed], list[int]])


class Ports(NamedTuple):
    """What the loop needs of the world."""

    store: Store
    publisher: Publisher
    signer: Signer
    geo: GeoBase


class Loop:
    """Takes batches of owned partitions from events to verdicts: in rounds, of all that come at the same moment.

    Every step may raise `Unavailable` or `Stale`: the partition is then forgotten and claimed again, and what was
    published meanwhile is found in the journal.
    """

    def __init__(self, rulebook: Rulebook, ports: Ports, shedding: Shedding) -> None:
        self._rulebook, self._shedding = rulebook, shedding
        self._store, self._publisher, self._signer, self._geo = ports
        self._rounds = Together(self._round, lambda portion: len(portion.batch.arrivals), EVENTS_A_ROUND)
        self._turn = asyncio.Lock()

    async def blame(self, owned: Partition, failed: StepFailed) -> None:
        """Leave word of the event that cannot be stepped; the third time it goes to the dead letters."""
        n_times = await self._store.blame(owned.claim, owned.number, failed.offset)
        log.critical("cannot be stepped", partition=owned.number, offset=failed.offset, n_times=n_times)

    async def batch(self, owned: Partition, records: list[object], n_partitions: int) -> Published:
        """Judge one batch: nothing is published unless all that stands before it went well."""
        with Stopwatch().stage("decode"):
            batch = decode(records, n_partitions, owned.subjects, owned.quarantined)
        return await self._rounds.ask(Portion(owned, batch))

    async def _round(self, portions: list[Portion]) -> list[Published | Exception]:
        """Judge the batches of several partitions side by side; what goes wrong with one is no other's matter."""
        stopwatch = Stopwatch()
        with stopwatch.stage("observe"):
            await self._observe(portions)
        with stopwatch.stage("open"):
            await _each(portions, self._open)
        async with self._turn:
            with stopwatch.stage("step"):
                await self._step(_sound(portions))
        with stopwatch.stage("publish"):
            await _each(portions, self._publish)
        for portion in _sound(portions):
            self._remember(portion)
            tell(portion.owned.number, portion.batch, portion.published, stopwatch)
        return [portion.failure or portion.published for portion in portions]

    async def save(self, owned: Partition) -> None:
        """Write a snapshot of what was judged since the last one."""
        if not owned.unsaved:
            return
        marks = owned.marks()
        with Stopwatch().stage("save"):
            blobs = {name: pack(owned.subjects[name]) for name in sorted(owned.changed)}
            await self._store.save(owned.claim, owned.number, marks, blobs)
        owned.saved(marks)

    async def _observe(self, portions: list[Portion]) -> None:
        """Write each event's own shared entries and read the counts with it; the journal wins over a fresh reading."""
        for portion in portions:
            portion.choose(self._shedding.of(portion.batch.arrivals))
        shared = [[(a.record.offset, entry) for a in p.arrivals for entry in shared_of(a)] for p in portions]
        entries = [entry for own in shared for _, entry in own]
        counts = iter(await self._store.observe(entries) if entries else ())
        for portion, own in zip(portions, shared, strict=True):
            owned = portion.owned
            if self._store.run != owned.claim.run:
                portion.failure = Stale(f"partition {owned.number}: Redis was started anew")
            fresh = self._places(portion.arrivals)
            for (offset, entry), (hour, day, month) in zip(own, islice(counts, len(own)), strict=True):
                seen = fresh.get(offset, NOTHING)
                if entry.kind == "d":
                    seen = replace(seen, device_subjects_1h=hour, device_subjects_1d=day, device_subjects_30d=month)
                else:
                    seen = replace(seen, ip_subjects_1h=hour, ip_subjects_1d=day)
                fresh[offset] = seen
            portion.observed = fresh | portion.from_journal()

    def _places(self, arrivals: Iterable[Arrival]) -> dict[int, Observed]:
        """Look up where the addresses are that events name; without a base there is nothing to look up."""
        if not self._geo.version:
            return {}
        named = ((arrival.record.offset, getattr(arrival.event, "ip", None)) for arrival in arrivals)
        located = ((offset, self._geo.locate(ip)) for offset, ip in named if ip)
        return {offset: Observed(ip_place=place) for offset, place in located if place}

    async def _open(self, portion: Portion) -> None:
        """Store the intent, read the subjects that are not in memory, and take what is valid as observed and shed.

        Where another intent may be the valid one, any event of the batch may have to be judged by it.
        """
        owned, batch = portion.owned, portion.batch
        arrivals = batch.arrivals if owned.claim.intent else portion.arrivals
        unread = sorted({a.event.subject_id for a in arrivals if a.event.subject_id not in owned.subjects})
        intent = Intent(batch.first, batch.last, msgspec.msgpack.encode((portion.observed, portion.shed)))
        valid, blobs = await self._store.open(owned.claim, owned.number, intent, unread)
        for name, blob in zip(unread, blobs, strict=True):
            owned.remember(name, NOBODY if blob is None else unpack(blob), changed=False)
        if valid == intent:
            return
        if valid.last != batch.last or not owned.claim.intent:
            raise Stale(f"partition {owned.number}: the stored intent ends at {valid.last}, the batch at {batch.last}")
        observed, shed = _DECIDED.decode(valid.observed)
        portion.choose(set(shed))
        portion.observed = observed | portion.from_journal()

    async def _step(self, portions: list[Portion]) -> None:
        """Judge the events of all portions side by side, in turns: one subject's second event meets its first."""
        rules, n_at_a_stretch = self._rulebook.current, 0
        for turn in turns(portions):
            for begin in range(0, len(turn), EVENTS_AT_A_STRETCH):
                due = turn[begin : begin + EVENTS_AT_A_STRETCH]
                judge(due, rules)
                n_at_a_stretch += len(due)
                if n_at_a_stretch >= EVENTS_AT_A_STRETCH:
                    n_at_a_stretch = 0
                    await asyncio.sleep(0)
        for portion in _sound(portions):
            portion.judged = [Judged(each, portion.outcomes[each.record.offset]) for each in portion.arrivals]

    async def _publish(self, portion: Portion) -> None:
        """Append what the log does not have: dead letters, what was shed, assessments, and then the verdicts."""
        owned, judged = portion.owned, portion.judged
        reused = (j.arrival.record for j in judged if j.outcome.rejection)
        dead = portion.batch.dead + [dead_letter(record, RejectReason.ID_REUSE, _OTHER_CONTENT) for record in reused]
        known = owned.journal
        fresh = [j for j in judged if j.outcome.assessment and not (known and j.arrival.key in known)]
        records = [Outgoing(j.arrival.record.key, msgspec.json.encode(j.outcome.assessment)) for j in fresh]
        if untold := [offset for offset in portion.shed if offset not in owned.shed]:
            records.insert(0, Outgoing(None, msgspec.json.encode(Shed.of(untold))))
        await self._publisher.publish(DEAD_LETTERS, owned.number, dead)
        owned.published_end = await self._append(ASSESSMENTS, owned, records, owned.published_end)
        verdicts = [v for j in judged for v in j.outcome.verdicts if v.verdict_id not in owned.answered]
        answers = [self._signed(verdict) for verdict in verdicts]
        owned.answered_end = await self._append(VERDICTS, owned, answers, owned.answered_end)
        n_known = sum(j.outcome.assessment is None and not j.outcome.rejection for j in judged)
        portion.published = Published(dead, verdicts, n_known, len(portion.shed))

    async def _append(self, topic: str, owned: Partition, records: list[Outgoing], end: int) -> int:
        """Append records behind `end`, where all that is there is in the journal, and return the end behind them.

        Raises `Stale` if other records came between: another owner has published, and the journal must be read again.
        """
        new_end = await self._publisher.publish(topic, owned.number, records)
        if new_end is None:
            return end
        if new_end - len(records) != end:
            raise Stale(f"partition {owned.number}: {topic} has records from {end} on that this worker does not know")
        return new_end

    def _signed(self, verdict: Verdict) -> Outgoing:
        value = msgspec.json.encode(verdict)
        headers = self._signer.headers(value) if verdict.application_id is not None else []
        return Outgoing(verdict.subject_id.encode(), value, headers)

    def _remember(self, portion: Portion) -> None:
        owned = portion.owned
        for name, subject in portion.changed.items():
            owned.remember(name, subject, changed=True)
        owned.position = portion.batch.last + 1


def _sound(portions: Iterable[Portion]) -> list[Portion]:
    return [portion for portion in portions if portion.failure is None]


async def _each(portions: Iterable[Portion], do: Callable[[Portion], Awaitable[None]]) -> None:
    """Do something with each portion that is sound, side by side; what goes wrong with one leaves the others alone."""

    async def tried(portion: Portion) -> None:
        try:
            await do(portion)
        except Exception as error:  # noqa: BLE001  # whoever brought the portion hears of it
            portion.failure = error

    await asyncio.gather(*map(tried, _sound(portions)))
