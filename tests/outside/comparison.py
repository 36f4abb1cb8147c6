"""Whether everything that was sent is accounted for, exactly once, byte for byte; every discrepancy by its ids."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.outside.manifest import ASSESSMENTS, DEAD_LETTERS, VERDICTS, Manifest, Sent, digest, hexed
from tests.outside.reading import Record

ADDED_HEADERS = ("reason", "detail", "source")
Verify = Callable[[bytes, Mapping[str, bytes | None]], bool]
EventKey = tuple[str, str]


class Discrepancy(NamedTuple):
    """One thing that is not as it must be: what, about which record, and the particulars."""

    what: str
    about: str
    detail: str = ""


@dataclass
class Report:
    """What was counted, and every discrepancy."""

    counts: Counter[str] = field(default_factory=Counter)
    discrepancies: list[Discrepancy] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{n:8,}  {what}" for what, n in sorted(self.counts.items())]
        found = Counter(d.what for d in self.discrepancies)
        lines += [f"{n:8,}  DISCREPANCY {what}" for what, n in sorted(found.items())] or ["no discrepancy"]
        return "\n".join([*lines, *("  ".join(d) for d in self.discrepancies)])


def compare(
    manifest: Manifest,
    found: Mapping[str, Sequence[Record]],
    *,
    verify: Verify | None = None,
    repeats_allowed: bool = False,
) -> Report:
    """Hold what was found against the manifest.

    `verify` checks the signature of a value; without it only its presence is asked for. Repeats of a whole record, byte
    by byte, are allowed only where something crashed; two different records of one id never.
    """
    report = Report()
    for one in manifest.sent:
        report.counts[f"sent, {one.fate}{' ' + one.reason if one.reason else ''}"] += 1
    judged = {(one.subject_id, one.event_id): one for one in manifest.sent if one.fate == "judged"}
    firsts = _Firsts(report, repeats_allowed)
    assessments = firsts.of(ASSESSMENTS, found[ASSESSMENTS], lambda body: body["assessment_id"])
    verdicts = firsts.of(VERDICTS, found[VERDICTS], lambda body: body["verdict_id"])
    report.discrepancies += _about_assessments(judged, assessments)
    report.discrepancies += _about_verdicts(judged, verdicts, verify)
    report.counts["verdicts, revoking"] = sum(body["kind"] == "revoke" for _, body in verdicts)
    report.discrepancies += _about_dead_letters(manifest.sent, found[DEAD_LETTERS], firsts)
    return report


class _Firsts:
    """Finds the first record of each id, and what later ones of the same id have to say."""

    def __init__(self, report: Report, repeats_allowed: bool) -> None:
        self._report, self._repeats_allowed = report, repeats_allowed

    def of(self, topic: str, records: Iterable[Record], id_of: Callable[[Any], str]) -> list[tuple[Record, Any]]:
        """Return the first record of each id with its decoded value."""
        bodies = [(record, _decoded(record)) for record in records]
        self._report.discrepancies += [Discrepancy("NOT JSON", _place(r)) for r, body in bodies if body is None]
        return self.among([(r, body) for r, body in bodies if body is not None], lambda pair: id_of(pair[1]), topic)

    def among(self, pairs: Sequence[Any], id_of: Callable[[Any], Hashable], topic: str) -> list[Any]:
        """Return the first of each id among pairs that begin with a record; count and name the others."""
        grouped = defaultdict[Hashable, list[Any]](list)
        for pair in pairs:
            grouped[id_of(pair)].append(pair)
        self._report.counts[f"{topic}, records"] = len(pairs)
        self._report.counts[f"{topic}, distinct"] = len(grouped)
        for name, group in grouped.items():
            self._report.discrepancies += self._about_repeats(topic, str(name), [pair[0] for pair in group])
        return [group[0] for group in grouped.values()]

    def _about_repeats(self, topic: str, name: str, records: Sequence[Record]) -> Iterator[Discrepancy]:
        first, *others = records
        for other in others:
            if other[3:] != first[3:] or other.partition != first.partition:
                yield Discrepancy("ALTERED", name, f"{_place(first)} and {_place(other)} differ")
            elif not self._repeats_allowed:
                yield Discrepancy("DOUBLED", name, f"{_place(first)} and {_place(other)}")
        self._report.counts[f"{topic}, repeats"] += len(others)


def _about_assessments(judged: Mapping[EventKey, Sent], found: Sequence[tuple[Record, Any]]) -> Iterator[Discrepancy]:
    by_event = _by_event(found)
    for key, one in judged.items():
        yield from _exactly_one("assessment", one, by_event.get(key, []))
    for key, pairs in by_event.items():
        for record, body in pairs:
            if (one := judged.get(key)) is None:
                yield Discrepancy("ASSESSMENT OF NOTHING", "/".join(key), _place(record))
            elif (record.partition, body["offset"], body["event_type"], hexed(record.key)) != (
                *(one.partition, one.offset, one.event_type, one.key),
            ):
                yield Discrepancy("ASSESSMENT ASTRAY", _name(one), f"{_place(record)} says {body}")


def _about_verdicts(
    judged: Mapping[EventKey, Sent], found: Sequence[tuple[Record, Any]], verify: Verify | None
) -> Iterator[Discrepancy]:
    ids = {body["verdict_id"]: body for _, body in found}
    by_event = _by_event([pair for pair in found if pair[1]["kind"] != "revoke"])
    for key, one in judged.items():
        yield from _exactly_one("verdict", one, by_event.get(key, []), due=one.asks is not None)
        for record, body in by_event.get(key, []):
            wrong = {name: body.get(name) for name, value in (one.asks or {}).items() if body.get(name) != value}
            if wrong or hexed(record.key) != one.key or record.partition != one.partition:
                yield Discrepancy("VERDICT ASTRAY", _name(one), f"{_place(record)} differs in {wrong}")
    for key in by_event.keys() - judged.keys():
        yield Discrepancy("VERDICT ON NOTHING", "/".join(key))
    for record, body in found:
        yield from _about_signature(record, body, verify)
        if body["kind"] == "revoke" and ids.get(body["revokes"], {}).get("decision") != "allow":
            yield Discrepancy("REVOKES NOTHING", body["verdict_id"], _place(record))


def _about_signature(record: Record, body: Any, verify: Verify | None) -> Iterator[Discrepancy]:
    if body.get("application_id") is None:
        return
    headers = dict(record.headers)
    if not {"key_id", "signature"} <= headers.keys():
        yield Discrepancy("UNSIGNED", body["verdict_id"], _place(record))
    elif verify and not verify(record.value or b"", headers):
        yield Discrepancy("BAD SIGNATURE", body["verdict_id"], _place(record))


def _about_dead_letters(sent: Sequence[Sent], found: Sequence[Record], firsts: _Firsts) -> Iterator[Discrepancy]:
    dead = {one.source: one for one in sent if one.fate == "dead"}
    letters = {_source(r): r for (r,) in firsts.among([(r,) for r in found], lambda p: _source(p[0]), DEAD_LETTERS)}
    for source, one in dead.items():
        if source not in letters:
            yield Discrepancy("MISSING dead letter", _name(one), f"{one.kind} at {source}")
            continue
        yield from _about_letter(one, letters[source])
    for source in letters.keys() - dead.keys():
        yield Discrepancy("DEAD LETTER OF NOTHING", source, str(dict(letters[source].headers)))


def _about_letter(one: Sent, letter: Record) -> Iterator[Discrepancy]:
    reasons = [value for name, value in letter.headers if name == "reason"]
    kept = [(name, hexed(value)) for name, value in letter.headers if name not in ADDED_HEADERS]
    as_sent = [header for header in one.headers if header[0] not in ADDED_HEADERS]
    if digest(letter.value) != one.sha256:
        yield Discrepancy("ALTERED dead letter", _name(one), f"{one.kind}: the value of {_place(letter)} differs")
    if hexed(letter.key) != one.key:
        yield Discrepancy("ALTERED dead letter", _name(one), f"{one.kind}: key {letter.key!r}, was {one.key}")
    if kept != as_sent:
        yield Discrepancy("ALTERED dead letter", _name(one), f"{one.kind}: headers {kept}, were {as_sent}")
    if reasons != [(one.reason or "").encode()]:
        yield Discrepancy("WRONG REASON", _name(one), f"{one.kind}: {reasons}, expected {one.reason}")


def _exactly_one(what: str, one: Sent, pairs: Sequence[object], *, due: bool = True) -> Iterator[Discrepancy]:
    if len(pairs) < due:
        yield Discrepancy(f"MISSING {what}", _name(one), f"{one.kind} at {one.source}")
    if len(pairs) > due:
        yield Discrepancy(f"{len(pairs)} DIFFERENT IDS, {what}", _name(one), f"{one.kind} at {one.source}")


def _by_event(pairs: Iterable[tuple[Record, Any]]) -> dict[EventKey, list[tuple[Record, Any]]]:
    grouped = defaultdict[EventKey, list[tuple[Record, Any]]](list)
    for record, body in pairs:
        grouped[body["subject_id"], body["event_id"]].append((record, body))
    return grouped


def _decoded(record: Record) -> Any:
    try:
        return json.loads(record.value or b"")
    except ValueError:
        return None


def _source(record: Record) -> str:
    sources = [value for name, value in record.headers if name == "source"]
    return (sources[0] or b"").decode(errors="replace") if len(sources) == 1 else f"unclear at {_place(record)}"


def _place(record: Record) -> str:
    return f"{record.topic}/{record.partition}/{record.offset}"


def _name(one: Sent) -> str:
    return f"{one.subject_id}/{one.event_id}"
