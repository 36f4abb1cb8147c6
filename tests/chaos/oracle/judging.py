"""The one oracle: what was sent against what is in the log, partition by partition, and floors for a run's worth."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.chaos.oracle.census import Census, Seen
from tests.outside.comparison import Discrepancy, Report, Verify, compare
from tests.outside.manifest import ASSESSMENTS, DEAD_LETTERS, VERDICTS, Manifest, Sent
from tests.outside.reading import Record

TOPICS = (ASSESSMENTS, VERDICTS, DEAD_LETTERS)
Read = Callable[[str, int], Iterable[Record]]
"""Reads a partition of a topic."""


@dataclass(frozen=True, kw_only=True)
class Floors:
    """Below these a run proves nothing."""

    repeats_share: float = 0.10
    shared_share: float = 0.20
    n_applications: int = 2_000
    n_draws: int = 1_000

    def scaled(self, n_events: int) -> "Floors":
        """Return the floors of a run of fewer events than the short form has."""
        part = min(1.0, n_events / 100_000)
        return Floors(n_applications=round(self.n_applications * part), n_draws=round(self.n_draws * part))


@dataclass
class Judgement:
    """Every discrepancy, and what was counted."""

    counts: Counter[str] = field(default_factory=Counter)
    discrepancies: list[Discrepancy] = field(default_factory=list)

    def add(self, report: Report) -> None:
        """Take in what was found on one partition."""
        self.counts += report.counts
        self.discrepancies += report.discrepancies

    @property
    def n_lost(self) -> int:
        """Events and answers that are not there."""
        return self._n(lambda what: what.startswith("MISSING"))

    @property
    def n_doubled(self) -> int:
        """Effects that are there more than once: an event or a question with answers of two ids."""
        return self._n(lambda what: "DIFFERENT IDS" in what)

    @property
    def n_conflicting(self) -> int:
        """Records whose id another record bears, with other bytes."""
        return self._n(lambda what: what == "ALTERED")

    @property
    def n_repeats(self) -> int:
        """Records that stand in the log once more, byte for byte: what a crash costs."""
        return sum(n for what, n in self.counts.items() if what.endswith("repeats"))

    def by_kind(self) -> dict[str, int]:
        """Return how many discrepancies there are of each kind."""
        return dict(Counter(one.what for one in self.discrepancies))

    def _n(self, concerns: Callable[[str], bool]) -> int:
        return sum(concerns(one.what) for one in self.discrepancies)


def judge_partition(
    sent: Sequence[Sent], found: Mapping[str, Sequence[Record]], census: Census, verify: Verify
) -> Report:
    """Hold one partition's records against what was sent to it; repeats, byte for byte, are no fault."""
    manifest = Manifest(seed=0, started_ms=0, before={}, sent=sent)
    report = compare(manifest, found, verify=verify, repeats_allowed=True)
    report.discrepancies += _about_order(found[ASSESSMENTS])
    report.discrepancies += _about_what_was_observed(found[ASSESSMENTS], census)
    return report


def worth(census: Census, floors: Floors) -> Iterator[Discrepancy]:
    """Yield what a load lacked."""
    for what, found, floor in (
        ("repeats share", census.repeats_share, floors.repeats_share),
        ("shared devices share", census.shared_share, floors.shared_share),
        ("applications", len(census.applications), floors.n_applications),
        ("draws", len(census.draws), floors.n_draws),
    ):
        if found < floor:
            yield Discrepancy("TOO FEW", what, f"{found:g}, at least {floor:g} are needed")


def _about_order(assessments: Sequence[Record]) -> Iterator[Discrepancy]:
    """First records stand in the order of their events."""
    known, newest = set[str](), -1
    for record in assessments:
        body = json.loads(record.value or b"{}")
        if body["assessment_id"] in known:
            continue
        known.add(body["assessment_id"])
        if body["offset"] <= newest:
            yield Discrepancy("OUT OF ORDER", body["event_id"], f"the event at {body['offset']} after that at {newest}")
        newest = max(newest, body["offset"])


def _about_what_was_observed(assessments: Sequence[Record], census: Census) -> Iterator[Discrepancy]:
    """What an event observed lies between what its partition had shown by then and what the log shows in all."""
    for record in assessments:
        body = json.loads(record.value or b"{}")
        place = record.partition, body["offset"]
        least, most = census.at_least.get(place, Seen()), census.at_most(place)
        observed = body.get("observed", {})
        counted = Seen(observed.get("device_subjects_30d", 0), observed.get("ip_subjects_1d", 0))
        if not all(low <= n <= high for low, n, high in zip(least, counted, most, strict=True)):
            yield Discrepancy("MISCOUNTED", body["event_id"], f"observed {counted}, by the log {least} to {most}")
