"""Memory of the visits under way: what each has sent so far, and the doubts that still stand."""

import math
import zlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter

from msgspec.structs import replace

from menshen.contract.events import Device, Envelope, Event, Keystroke, Location, Login, Pointer
from menshen.fraud.detector import Finding
from menshen.fraud.sighting import Sighting
from menshen.fraud.subject import Standing, Visit
from menshen.fraud.tagging import tag

MAX_VISITS = 3
MAX_CLAIMED_VISITS = 1
MAX_STANDING = 6
SOURCES = ("device", "typing", "pointer", "gps", "ip", "wifi", "cell")
"""The independent sources, in the order of the bits of `Visit.seen`: a new one goes to the end."""
DEVICE, TYPING, POINTER, GPS, IP, WIFI, CELL = (1 << place for place in range(len(SOURCES)))
_ALWAYS_OF: Mapping[type[Envelope], int] = {Device: DEVICE, Keystroke: TYPING, Pointer: POINTER}
_rank = attrgetter("last_ms", "session")


def sources_of(event: Event) -> int:
    """Return the sources that an event carries, as bits."""
    family = type(event)
    if family in _ALWAYS_OF:
        return _ALWAYS_OF[family]
    if isinstance(event, Location):
        gps, ip = 0 if event.gps is None else GPS, 0 if event.ip is None else IP
        wifi, cell = 0 if event.wifi is None else WIFI, 0 if event.cell is None else CELL
        return gps | ip | wifi | cell
    if isinstance(event, Login):
        return 0 if event.ip is None else IP
    return 0


@lru_cache(maxsize=64)
def sources_named(expected: str) -> int:
    """Return the sources whose names are joined by `|`, as bits; what is no source has none."""
    names = expected.split("|")
    return sum(1 << place for place, name in enumerate(SOURCES) if name in names)


def visit_of(visits: Iterable[Visit], session: bytes, now_ms: int) -> Visit:
    """Return the visit that a session has paid so far, or one that begins now."""
    for visit in visits:
        if visit.session == session:
            return visit
    return Visit(session, now_ms)


def layout_of(features: tuple[str, ...]) -> int:
    """Return a number that changes when the features or their order do: packed values are then read as absent."""
    return zlib.crc32("\n".join(features).encode())


def with_sighting(
    visit: Visit, sighting: Sighting, measured: Sequence[Mapping[str, float]], places: Mapping[str, int]
) -> Visit:
    """Return the visit with the sources of one more event, and the feature values that detectors measured in it.

    `places` says where in the vector each feature stands.
    """
    event, values = sighting.event, visit.features
    if measured:
        row = vector_of(visit, len(places))
        for features in measured:
            for name, value in features.items():
                if name in places:
                    row[places[name]] = value
        values = row.tobytes()
    last_ms = visit.last_ms if visit.last_ms > sighting.appended_ms else sighting.appended_ms
    device = visit.device if event.device_id is None else tag(event.device_id)
    vouched = visit.vouched or sighting.teaches
    return Visit(visit.session, last_ms, visit.seen | sources_of(event), values, vouched, device)


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
    claimed: list[Visit] = []
    vouched: list[Visit] = []
    for visit in sorted((*others, current), key=_rank):
        (vouched if visit.vouched else claimed).append(visit)
    return (*claimed[-MAX_CLAIMED_VISITS:], *vouched[-MAX_VISITS:])


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
