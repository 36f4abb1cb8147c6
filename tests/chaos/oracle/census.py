"""Counts the log of events itself: who was where, what the load was worth, what each event must have observed."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from tests.chaos.oracle.log import Dated
from tests.outside.manifest import Sent, digest, hexed
from tests.outside.reading import Record

Place = tuple[int, int]
"""A partition and an offset."""
Identifier = tuple[str, str]
"""`d` and a device, or `i` and an address."""
SHOWING = frozenset(["login", "device", "checkpoint"])
"""The types of events that show who is on a device or at an address."""


class Seen(NamedTuple):
    """How many subjects a device and an address have, by the log alone; 0 where the event names none."""

    device_subjects: int = 0
    ip_subjects: int = 0


@dataclass
class Census:
    """What the log holds.

    `latest_ms` is, for each device and address, the append time of each subject's newest event there. `at_least` is
    for each event how many subjects its own partition had shown there up to it: what other partitions had added by
    then is not decided by the log.
    """

    latest_ms: dict[Identifier, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    at_least: dict[Place, Seen] = field(default_factory=dict)
    n_records: int = 0
    n_repeats: int = 0
    applications: set[str] = field(default_factory=set)
    draws: set[tuple[str, str]] = field(default_factory=set)
    _named: dict[Place, list[Identifier]] = field(default_factory=dict)
    _partitions_of: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    _n_events_of: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def take(self, partition: int, records: Iterable[Dated], fates: Mapping[int, Sent]) -> None:
        """Count one partition, in the order of the log; `fates` are the lines on its records by offset."""
        subjects_here: dict[Identifier, set[str]] = defaultdict(set)
        for record, appended_ms in records:
            one = fates.get(record.offset)
            self.n_records += 1
            if one is None or (one.fate == "dead" and one.reason != "ID_REUSE"):
                continue
            event = json.loads(record.value or b"null")
            self.n_repeats += one.fate == "known"
            named = (("d", event.get("device_id")), ("i", event.get("ip"))) if event["type"] in SHOWING else ()
            names = [(kind, name) for kind, name in named if name]
            for identifier in names:
                subjects_here[identifier].add(one.subject_id)
                subjects = self.latest_ms[identifier]
                subjects[one.subject_id] = max(appended_ms, subjects.get(one.subject_id, 0))
            seen = {kind: len(subjects_here[kind, name]) for kind, name in names}
            self.at_least[partition, record.offset] = Seen(seen.get("d", 0), seen.get("i", 0))
            self._named[partition, record.offset] = names
            self._note(event, partition)

    def at_most(self, place: Place) -> Seen:
        """Return how many subjects the device and the address of an event have in the whole log."""
        counts = {kind: len(self.latest_ms[kind, name]) for kind, name in self._named.get(place, ())}
        return Seen(counts.get("d", 0), counts.get("i", 0))

    @property
    def repeats_share(self) -> float:
        """The share of records that repeat one that came before."""
        return self.n_repeats / max(1, self.n_records)

    @property
    def shared_share(self) -> float:
        """The share of records on devices whose subjects lie on two partitions or more."""
        shared = (n for name, n in self._n_events_of.items() if len(self._partitions_of[name]) > 1)
        return sum(shared) / max(1, self.n_records)

    def _note(self, event: Any, partition: int) -> None:
        if device := event.get("device_id"):
            self._partitions_of[device].add(partition)
            self._n_events_of[device] += 1
        if event["type"] == "checkpoint":
            self.applications.add(event["application_id"])
            if "draw_id" in event:
                self.draws.add((event["application_id"], event["draw_id"]))


def fates_of(sent: Sequence[Sent]) -> dict[int, dict[int, Sent]]:
    """Return the lines of a manifest by partition and offset."""
    by_partition = defaultdict[int, dict[int, Sent]](dict)
    for one in sent:
        by_partition[one.partition][one.offset] = one
    return by_partition


def with_unacknowledged(lines: Mapping[int, Sent], records: Iterable[Record]) -> dict[int, Sent]:
    """Return the lines on one partition with one more for each record that was appended and not acknowledged.

    Its producer sent it again: the first of the two takes the fate, and the second, where that was to be judged,
    repeats it.
    """
    whole = dict(lines)
    again = defaultdict[tuple[str | None, str | None], list[int]](list)
    for offset in sorted(lines, reverse=True):
        again[lines[offset].key, lines[offset].sha256].append(offset)
    for record in records:
        twins = again[hexed(record.key), digest(record.value)]
        if record.offset in lines:
            twins.remove(record.offset)
        elif twins:
            second = whole[twins[-1]]
            whole[record.offset] = replace(second, offset=record.offset)
            if second.fate == "judged":
                whole[second.offset] = replace(second, fate="known", asks=None)
    return whole
