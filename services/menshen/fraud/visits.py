"""Memory of the visits under way: what each has sent so far, and the doubts that still stand."""

import math
import zlib
from array import array
from collections.abc import Iterable, Mapping

from menshen.contract.events import Device, Event, Keystroke, Location, Login, Pointer
from menshen.fraud.detector import Finding
from menshen.fraud.sighting import Sighting
from menshen.fraud.subject import Standing, Visit

MAX_VISITS = 3
MAX_STANDING = 8


def sources_of(event: Event) -> tuple[str, ...]:
    """Return the names of the independent sources that an event carries."""
    match event:
        case Device():
            return ("device",)
        case Keystroke():
            return ("typing",)
        case Pointer():
            return ("pointer",)
        case Location():
            return tuple(name for name in ("gps", "ip", "wifi", "cell") if getattr(event, name) is not None)
        case Login(ip=str()):
            return ("ip",)
    return ()


def layout_of(features: tuple[str, ...]) -> int:
    """Return a number that changes when the features or their order do: packed values are then read as absent."""
    return zlib.crc32("\n".join(features).encode())


def with_sighting(visit: Visit, sighting: Sighting, features: Mapping[str, float], order: tuple[str, ...]) -> Visit:
    """Return the visit with the sources and feature values of one more event."""
    seen = tuple(sorted({*visit.seen, *sources_of(sighting.event)}))
    values = visit.features
    if features:
        row = vector_of(visit, len(order))
        for i, name in enumerate(order):
            row[i] = features.get(name, row[i])
        values = row.tobytes()
    vouched = visit.vouched or sighting.event.assurance != "claimed"
    return Visit(visit.session, max(visit.last_ms, sighting.appended_ms), seen, values, vouched)


def vector_of(visit: Visit, n_features: int) -> "array[float]":
    """Return the visit's newest feature values, NaN where a value is absent; shape (n_features,)."""
    if len(visit.features) != 8 * n_features:
        return array("d", [math.nan]) * n_features
    return array("d", visit.features)


def keep_visits(visits: Iterable[Visit], current: Visit) -> tuple[Visit, ...]:
    """Keep the newest visits. One that nobody vouches for never displaces one that somebody does."""
    others = [visit for visit in visits if visit.session != current.session]
    ranked = sorted((*others, current), key=lambda visit: (visit.vouched, visit.last_ms, visit.session))
    return tuple(ranked[-MAX_VISITS:])


def keep_standing(
    standing: Iterable[Standing], findings: Iterable[Finding], session: bytes, now_ms: int
) -> tuple[Standing, ...]:
    """Drop what has run out, add what stands from now on: one a code and session, the strongest; bounded."""
    kept = {(s.finding.code, s.session): s for s in standing if s.until_ms > now_ms}
    for finding in findings:
        if finding.stands_ms <= 0:
            continue
        where = b"" if finding.subject_wide else session
        older = kept.get((finding.code, where))
        if older is None or older.finding.doubt_pm <= finding.doubt_pm:
            kept[finding.code, where] = Standing(finding, where, now_ms + finding.stands_ms)
    ranked = sorted(kept.values(), key=lambda s: (s.finding.doubt_pm, s.until_ms, s.finding.code, s.session))
    return tuple(ranked[-MAX_STANDING:])


def weighing_on(standing: Iterable[Standing], session: bytes, now_ms: int) -> list[Finding]:
    """Return the standing doubts that concern a session now."""
    return [s.finding for s in standing if s.until_ms > now_ms and s.session in (b"", session)]
