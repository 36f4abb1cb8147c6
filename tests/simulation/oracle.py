"""What must hold at rest: everything is recounted from the log of events, with the real step, and compared."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
from tests.simulation.conflicts import left_open
from tests.simulation.deployment import rules, settings, signer
from tests.simulation.noticing import went_on
from tests.simulation.ports.log import N_PARTITIONS, Record
from tests.simulation.world import World

from menshen.contract.assessment import Assessment, Observed, Shed
from menshen.contract.dead_letter import SOURCE_HEADER
from menshen.contract.topics import ASSESSMENTS, DEAD_LETTERS, EVENTS, VERDICTS
from menshen.contract.verdict import Verdict
from menshen.detect.arrivals import Arrival, decode, shared_of
from menshen.fraud.sighting import Sighting
from menshen.fraud.step import Outcome, step
from menshen.fraud.subject import NOBODY, Subject, pack, unpack
from menshen.shell.redis.pseudonyms import Pseudonyms

EventKey = tuple[str, str]
_ASSESSMENT, _SHED = msgspec.json.Decoder(Assessment), msgspec.json.Decoder(Shed)
_VERDICT = msgspec.json.Decoder(Verdict)


class Found(NamedTuple):
    """Every invariant that is violated, by its number; and conflicts that the protocol leaves open, which are none."""

    violations: list[str]
    conflicts: list[str]


def judge(world: World) -> Found:
    """Hold a world at rest to all that was promised."""
    found = Found([f"I0 {ended}" for ended in world.deployment.ended_by], [])
    if not world.came_to_rest:
        found.violations.append("I7 no rest: something is not judged, not saved, or degraded without a gap")
        return found
    partitions = [Partition(world, number) for number in range(N_PARTITIONS)]
    for partition in partitions:
        wrong = list(partition.violations())
        (found.conflicts if wrong and partition.left_open() else found.violations).extend(wrong)
    found.violations.extend(_shared_sets(world, partitions))
    return found


class Published(NamedTuple):
    """What a partition of a topic holds: each id's first record; ids that have another beside it, with their events."""

    first: dict[Any, Record]
    differing: list[tuple[Any, EventKey]]


class Recount(NamedTuple):
    """What a recount of events gives: subjects, each record by its id, and which events bore another's id.

    It ends where an event was never judged.
    """

    subjects: dict[str, Subject]
    assessments: dict[EventKey, bytes]
    verdicts: dict[str, bytes]
    rejected: list[int]
    unjudged: list[int]


class Partition:
    """One partition at rest."""

    def __init__(self, world: World, number: int) -> None:
        self.world, self.number = world, number
        self.log = world.topics.of(EVENTS, number)
        batches = [decode([record], N_PARTITIONS, {}) for record in self.log.records]
        self.arrivals: list[Arrival] = [arrival for batch in batches for arrival in batch.arrivals]
        self.dead = [batch.first for batch in batches if batch.dead]
        self.assessments = _published(world.topics.of(ASSESSMENTS, number).records, _id_of_assessment)
        self.verdicts = _published(world.topics.of(VERDICTS, number).records, _id_of_verdict)
        self.accepted = world.accepted.get(number)
        self.degraded = number in world.degraded() and not self.accepted

    def violations(self) -> Iterator[str]:
        where = f"on partition {self.number}"
        for topic, published in (("assessment", self.assessments), ("verdict", self.verdicts)):
            if differing := [record_id for record_id, key in published.differing if key not in self._lost()]:
                yield f"I2 records of one {topic} differ {where}: {differing}"
        yield from went_on(self.world.trace, self.number, self.world.topics.of(ASSESSMENTS, self.number).records)
        whole = self._recount(0, {})
        yield from (f"{what} {where}" for what in self._against(whole, self._before_acceptance()))
        if self.accepted:
            rest = self._recount(self.accepted.first, self._accepted_subjects())
            yield from (f"{what} {where}, accepted" for what in self._against(rest, self._since_acceptance()))
            whole = rest
        if not self.degraded:
            yield from (f"{what} {where}" for what in self._complete(whole))

    def left_open(self) -> bool:
        """Say whether what is wrong is a conflict that the protocol leaves open."""
        differing = {record_id for topic in (self.assessments, self.verdicts) for record_id, _ in topic.differing}
        topics = self.world.topics
        records = topics.of(ASSESSMENTS, self.number).records + topics.of(VERDICTS, self.number).records
        of_each = [[record for record in records if _is_of(record, record_id)] for record_id in differing]
        return left_open(self.world.trace, self.number, of_each)

    def _lost(self) -> set[EventKey]:
        """Return the events that an operator gave up: one that comes again is new to the worker."""
        first = self.accepted.first if self.accepted else 0
        return {arrival.key for arrival in self.arrivals if arrival.record.offset < first}

    def _recount(self, first: int, subjects: dict[str, Subject]) -> Recount:
        recount = Recount(dict(subjects), {}, {}, [], [])
        observed, shed = self._first_words(first)
        for arrival in self.arrivals:
            if arrival.record.offset < first or arrival.record.offset in shed:
                continue
            outcome = _stepped(recount.subjects, arrival, observed.get(arrival.key, Observed()))
            if outcome.assessment and arrival.key not in observed:
                recount.unjudged.append(arrival.record.offset)
                break
            recount.subjects[arrival.event.subject_id] = outcome.subject
            self._count(recount, arrival, outcome)
        return recount

    def _first_words(self, first: int) -> tuple[dict[EventKey, Observed], set[int]]:
        """Return what was observed by each event's first record, of events from an offset on, and which were shed."""
        found, judged, shed = dict[EventKey, Observed](), set[int](), set[int]()
        for record in self.world.topics.of(ASSESSMENTS, self.number).records:
            if record.key is None:
                shed |= set(_SHED.decode(record.value or b"").offsets()) - judged
                continue
            assessment = _ASSESSMENT.decode(record.value or b"")
            if assessment.offset >= first and assessment.offset not in shed:
                judged.add(assessment.offset)
                found.setdefault((assessment.subject_id, assessment.event_id), assessment.observed)
        return found, shed

    def _count(self, recount: Recount, arrival: Arrival, outcome: Outcome) -> None:
        if outcome.assessment:
            recount.assessments[arrival.key] = msgspec.json.encode(outcome.assessment)
            recount.verdicts.update((v.verdict_id, msgspec.json.encode(v)) for v in outcome.verdicts)
        elif outcome.rejection:
            recount.rejected.append(arrival.record.offset)

    def _against(self, recount: Recount, published: tuple[Published, Published]) -> Iterator[str]:
        """Compare first records with the recount, as far as it goes."""
        assessments, verdicts = published
        for key, value in recount.assessments.items():
            if key in assessments.first and assessments.first[key].value != value:
                yield f"I2 the first assessment of {key[1]} is not the recount's"
        for verdict_id, value in recount.verdicts.items():
            record = verdicts.first.get(verdict_id)
            if record and (record.value != value or not _signed(record)):
                yield f"I2 the verdict {verdict_id} is not the recount's"
        if not recount.unjudged and (strange := verdicts.first.keys() - recount.verdicts.keys()):
            yield f"I2 verdicts that the recount has not: {sorted(strange)}"

    def _complete(self, recount: Recount) -> Iterator[str]:
        """Hold that everything was judged, answered and saved."""
        if recount.unjudged:
            yield f"I1 the event at {recount.unjudged} was never judged"
        if unanswered := recount.verdicts.keys() - self.verdicts.first.keys():
            yield f"I1 verdicts that were never published: {sorted(unanswered)}"
        letters = self.world.topics.of(DEAD_LETTERS, self.number).records
        sources = {dict(letter.headers)[SOURCE_HEADER].decode() for letter in letters}
        first = self.accepted.first if self.accepted else 0
        dead = {f"{EVENTS}/{self.number}/{at}" for at in (*self.dead, *recount.rejected) if at >= first}
        if lost := dead - sources:
            yield f"I1 no dead letters of {sorted(lost)}"
        if self.world.mark(self.number) != self.log.end - 1:
            yield "I3 the mark is not the end of the log"
        if self._blobs() != {self._key(name): pack(subject) for name, subject in recount.subjects.items()}:
            yield "I3 the subjects in Redis are not the recount's"

    def _blobs(self) -> dict[str, bytes]:
        return {key: value for key, value in self.world.redis.of(self._tag).items() if ":s:" in key}

    @property
    def _tag(self) -> str:
        return f"{settings().tenant}:{self.number}"

    def _key(self, name: str) -> str:
        return f"{{{self._tag}}}:s:{_names().of('subject', name).hex()}"

    def _accepted_subjects(self) -> dict[str, Subject]:
        assert self.accepted
        names = {self._key(arrival.event.subject_id): arrival.event.subject_id for arrival in self.arrivals}
        return {names[key]: unpack(blob) for key, blob in self.accepted.keys.items() if ":s:" in key}

    def _before_acceptance(self) -> tuple[Published, Published]:
        if not self.accepted:
            return self.assessments, self.verdicts
        return _until(self.assessments, self.accepted.n_assessments), _until(self.verdicts, self.accepted.n_verdicts)

    def _since_acceptance(self) -> tuple[Published, Published]:
        assert self.accepted
        return _since(self.assessments, self.accepted.n_assessments), _since(self.verdicts, self.accepted.n_verdicts)


def _stepped(subjects: dict[str, Subject], arrival: Arrival, observed: Observed) -> Outcome:
    event, record = arrival.event, arrival.record
    sighting = Sighting(event, record.offset, record.timestamp, arrival.content_crc, observed)
    return step(subjects.get(event.subject_id, NOBODY), sighting, rules())


def _published(records: list[Record], id_of: Any) -> Published:
    found = Published({}, [])
    for record in (each for each in records if each.key is not None):
        record_id, key = id_of(record.value)
        first = found.first.setdefault(record_id, record)
        if (first.value, first.headers) != (record.value, record.headers):
            found.differing.append((record_id, key))
    return found


def _id_of_assessment(value: bytes) -> tuple[EventKey, EventKey]:
    assessment = _ASSESSMENT.decode(value)
    key = assessment.subject_id, assessment.event_id
    return key, key


def _id_of_verdict(value: bytes) -> tuple[str, EventKey]:
    verdict = _VERDICT.decode(value)
    return verdict.verdict_id, (verdict.subject_id, verdict.event_id)


def _is_of(record: Record, record_id: Any) -> bool:
    id_of = _id_of_assessment if record.topic == ASSESSMENTS else _id_of_verdict
    return record.key is not None and id_of(record.value or b"")[0] == record_id


def _signed(record: Record) -> bool:
    value = record.value or b""
    application_id = _VERDICT.decode(value).application_id
    return list(record.headers) == (signer().headers(value) if application_id is not None else [])


def _until(published: Published, n: int) -> Published:
    return published._replace(first={k: record for k, record in published.first.items() if record.offset < n})


def _since(published: Published, n: int) -> Published:
    return published._replace(first={k: record for k, record in published.first.items() if record.offset >= n})


def _names() -> Pseudonyms:
    return Pseudonyms(settings().pepper.get_secret_value(), settings().tenant)


def _shared_sets(world: World, partitions: list[Partition]) -> Iterator[str]:
    """Compare the shared sets with what the events add to them; what is cut off may be missing, and nothing else."""
    possible: dict[tuple[str, str], set[float]] = defaultdict(set)
    needed: dict[tuple[str, str], float] = {}
    names = _names()
    for partition in partitions:
        for arrival in partition.arrivals:
            for shared in shared_of(arrival):
                place = f"{shared.kind}:{names.of(shared.kind, shared.identifier).hex()}"
                entry = place, names.of("subject", shared.subject_id)[:8].hex()
                possible[entry].add(shared.appended_ms)
                if not partition.degraded and arrival.record.offset >= partition.log.first:
                    needed[entry] = max(shared.appended_ms, needed.get(entry, 0))
    held = dict(_entries(world))
    if lost := [entry for entry, at_ms in needed.items() if held.get(entry, 0) < at_ms]:
        yield f"I5 the shared sets lack {lost}"
    if strange := [entry for entry, at_ms in held.items() if at_ms not in possible[entry]]:
        yield f"I5 the shared sets have {strange}"


def _entries(world: World) -> Iterator[tuple[tuple[str, str], float]]:
    for tag in world.redis.tags():
        if ":shared:" in tag:
            for key, members in world.redis.of(tag).items():
                place = key.partition("}:")[2]
                yield from (((place, member.hex()), at_ms) for member, at_ms in members.items())
