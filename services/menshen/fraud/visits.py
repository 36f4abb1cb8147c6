"""Memory of the visits under way: what each has sent so far, and the doubts that still stand."""

import math
import zlib
from array import array
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from menshen.contract.events import Device, Event, Keystroke, Location, Login, Pointer
from menshen.fraud.detector import Finding
from menshen.fraud.sighting import Sighting
from menshen.fraud.subject import Standing, Visit
from menshen.fraud.tagging import tag

MAX_VISITS = 3
MAX_CLAIMED_VISITS = 1
MAX_STANDING = 6
SOURCES = ("device", "typing", "pointer", "gps", "ip", "wifi", "cell")
"""What `sources_of` may name, in the order of the bits of `Visit.seen`: a new one goes to the end."""


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


def seen_in(visit: Visit) -> set[str]:
    """Return the names of the sources that a visit has sent."""
    return {source for bit, source in enumerate(SOURCES) if visit.seen >> bit & 1}


def visit_of(visits: Iterable[Visit], session: bytes, now_ms: int) -> Visit:
    """Return the visit that a session has paid so far, or one that begins now."""
    for visit in visits:
        if visit.session == session:
            return visit
    return Visit(session, now_ms)


def layout_of(features: tuple[str, ...]) -> int:
    """Return a number that changes when the features or their order do: packed values are then read as absent."""
    return zlib.crc32("\n".join(features).encode())


def with_sighting(visit: Visit, sighting: Sighting, features: Mapping[str, float], order: tuple[str, ...]) -> Visit:
    """Return the visit with the sources and feature values of one more event."""
    seen = visit.seen
    for source in sources_of(sighting.event):
        seen |= 1 << SOURCES.index(source)
    values = visit.features
    if features:
        row = vector_of(visit, len(order))
        for i, name in enumerate(order):
            if name in features:
                row[i] = features[name]
        values = row.tobytes()
    vouched, device_id = visit.vouched or sighting.teaches, sighting.event.device_id
    device = visit.device if device_id is None else tag(device_id)
    return Visit(visit.session, max(visit.last_ms, sighting.appended_ms), seen, values, vouched, device)


def counts_for(visit: Visit, sighting: Sighting) -> bool:
    """Say whether what an event brings is remembered with the visit.

    Whoever logs in vouches for what the visit brought so far; from then on, mere claims add nothing to it. What comes
    late never does: it may be from another place and time.
    """
    return sighting.teaches or not (sighting.deferred or visit.vouched)


def vector_of(visit: Visit, n_features: int) -> "array[float]":
    """Return the visit's newest feature values, NaN where a value is absent; shape (n_features,)."""
    if len(visit.features) != 8 * n_features:
        return array("d", [math.nan]) * n_features
    return array("d", visit.features)


def keep_visits(visits: Sequence[Visit], current: Visit) -> tuple[Visit, ...]:
    """Keep the newest visits. Those that nobody vouches for have a place of their own, where they displace no other.

    `visits` is what was kept before: the one that comes last goes on without a new ranking.
    """
    if visits and visits[-1].session == current.session:
        return (*visits[:-1], current)
    others = [visit for visit in visits if visit.session != current.session]
    ranked = sorted((*others, current), key=lambda visit: (visit.last_ms, visit.session))
    claimed = [visit for visit in ranked if not visit.vouched][-MAX_CLAIMED_VISITS:]
    return (*claimed, *[visit for visit in ranked if visit.vouched][-MAX_VISITS:])


def keep_standing(
    standing: tuple[Standing, ...], findings: Iterable[Finding], sighting: Sighting
) -> tuple[Standing, ...]:
    """Drop what has run out, add what stands from now on: one a code and session, the strongest; bounded.

    A doubt about a mere claim stays with the session that made it, whatever the detector says: anyone can name anyone.
    `standing` is what was kept before: where nothing changes, it is returned as it is.
    """
    now_ms, session = sighting.appended_ms, tag(sighting.event.session_id)
    vouched = sighting.event.assurance != "claimed"
    lasting = [finding for finding in findings if finding.stands_ms > 0]
    live = tuple([_vouched(s) if vouched and s.session == session else s for s in standing if s.until_ms > now_ms])
    if not lasting and live == standing:
        return standing
    kept = {(s.finding.code, s.session): s for s in live}
    for finding in lasting:
        where = b"" if finding.subject_wide and vouched else session
        fresh = Standing(finding, where, now_ms + finding.stands_ms, vouched)
        kept[finding.code, where] = _graver(kept.get((finding.code, where), fresh), fresh)
    ranked = sorted(kept.values(), key=lambda s: (s.vouched, s.finding.doubt_pm, s.until_ms, s.finding.code, s.session))
    return tuple(ranked[-MAX_STANDING:])


def _vouched(standing: Standing) -> Standing:
    return standing if standing.vouched else replace(standing, vouched=True)


def _graver(older: Standing, fresh: Standing) -> Standing:
    """Return the stronger doubt; where it is the fresh one, it stands no shorter than the older would have."""
    if older.finding.doubt_pm > fresh.finding.doubt_pm:
        return older
    return Standing(fresh.finding, fresh.session, max(older.until_ms, fresh.until_ms), older.vouched or fresh.vouched)


def weighing_on(standing: Iterable[Standing], session: bytes, now_ms: int) -> list[Finding]:
    """Return the standing doubts that concern a session now."""
    return [s.finding for s in standing if s.until_ms > now_ms and s.session in (b"", session)]
