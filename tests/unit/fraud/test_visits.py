"""What a visit has sent, and which doubts still stand: bounded, and never to be moved by whoever cannot be believed."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit.fraud.story import HOME, NOON_MS, Story

from menshen.contract.events import (
    FAMILIES,
    Cell,
    Challenge,
    Checkpoint,
    Device,
    Envelope,
    Keystroke,
    Location,
    Login,
    WifiScan,
)
from menshen.fraud.detector import Finding
from menshen.fraud.sighting import Sighting
from menshen.fraud.subject import Standing, Visit
from menshen.fraud.tagging import tag
from menshen.fraud.visits import (
    CELL,
    DEVICE,
    GPS,
    IP,
    MAX_CLAIMED_VISITS,
    MAX_STANDING,
    MAX_VISITS,
    POINTER,
    SOURCES,
    TYPING,
    WIFI,
    counts_for,
    keep_standing,
    keep_visits,
    layout_of,
    sources_named,
    sources_of,
    vector_of,
    visit_of,
    weighing_on,
    with_sighting,
)

ORDER = ("age_days", "n_devices", "km")
PLACES = {feature: place for place, feature in enumerate(ORDER)}
HOUR_MS = 3_600_000


def sighted(family: type[Envelope], /, **fields: Any) -> Sighting:
    story = Story()
    story.send(family, after_s=fields.pop("after_s", 0), **fields)
    return story.log[0]


def visit(name: str, last_ms: int = 0, *, vouched: bool = True) -> Visit:
    return Visit(tag(name), last_ms, vouched=vouched)


def doubt(code: str, doubt_pm: int, stands_ms: int = HOUR_MS, *, subject_wide: bool = False) -> Finding:
    return Finding(code, doubt_pm, stands_ms, {}, subject_wide)


def by_code(standing: tuple[Standing, ...]) -> dict[str, tuple[int, int]]:
    return {s.finding.code: (s.finding.doubt_pm, s.until_ms - NOON_MS) for s in standing}


# Sources


@pytest.mark.parametrize(
    ("family", "fields", "sources"),
    [
        (Device, {}, ("device",)),
        (Keystroke, {}, ("typing",)),
        (Login, {}, ()),
        (Login, {"ip": "10.0.0.1"}, ("ip",)),
        (Checkpoint, {}, ()),
        (Challenge, {}, ()),
        (Location, {"gps": None}, ()),
        (Location, {"gps": HOME, "ip": "::1"}, ("gps", "ip")),
        (Location, {"gps": None, "wifi": WifiScan(bssids=[], rssi_dbm=[])}, ("wifi",)),
        (Location, {"gps": None, "cell": Cell(mcc=460, mnc=0, area=1, cell=1)}, ("cell",)),
    ],
)
def test_an_event_names_the_sources_that_it_carries(family: Any, fields: Any, sources: tuple[str, ...]) -> None:
    assert sources_of(sighted(family, **fields).event) == sources_named("|".join(sources))
    assert set(sources) <= set(SOURCES)


def test_every_source_has_a_bit_of_its_own_by_its_place() -> None:
    """The bits stand in the memory of subjects."""
    assert [sources_named(source) for source in SOURCES] == [DEVICE, TYPING, POINTER, GPS, IP, WIFI, CELL]
    assert [DEVICE, TYPING, POINTER, GPS, IP, WIFI, CELL] == [1, 2, 4, 8, 16, 32, 64]
    assert sources_named("gps|ip") == GPS | IP
    assert sources_named("elsewhere") == sources_named("") == 0


def test_every_family_is_asked_for_its_sources() -> None:
    """A new family that carries evidence needs a line in `sources_of`."""
    silent = {"Login", "Checkpoint", "Challenge", "Override", "Label"}
    assert {family.__name__ for family in FAMILIES} - silent == {"Device", "Keystroke", "Pointer", "Location"}


# The visit


def test_a_visit_gathers_sources_and_the_newest_values() -> None:
    first = with_sighting(Visit(tag("v"), 0), sighted(Device), [{"age_days": 1.0}, {"km": 5.0}], PLACES)
    second = with_sighting(first, sighted(Location, after_s=9), [{"km": 7.0, "elsewhere": 1.0}], PLACES)
    assert second.seen == sources_named("device|gps")
    assert (second.last_ms, second.device, second.vouched) == (NOON_MS + 9000, tag("d1"), True)
    age, n_devices, km = vector_of(second, len(ORDER))
    assert (age, km) == (1.0, 7.0)
    assert math.isnan(n_devices)


def test_an_event_without_values_leaves_them_as_they_are() -> None:
    first = with_sighting(Visit(tag("v"), 0), sighted(Device), [{"km": 5.0}], PLACES)
    second = with_sighting(first, sighted(Device, device_id=None), [], PLACES)
    assert second.features == first.features
    assert second.device == first.device


def test_values_of_another_length_are_read_as_absent() -> None:
    old = Visit(tag("v"), 0, features=bytes(8 * 2))
    assert all(math.isnan(value) for value in vector_of(old, 3))
    assert len(vector_of(old, 3)) == 3
    assert all(math.isnan(value) for value in vector_of(Visit(tag("v"), 0), 3))


def test_a_session_goes_on_with_its_own_visit_or_begins_one() -> None:
    kept = (visit("v1", 5), visit("v2", 7))
    assert visit_of(kept, tag("v2"), 9) is kept[1]
    assert visit_of(kept, tag("v3"), 9) == Visit(tag("v3"), 9)


def test_another_order_of_features_has_another_number() -> None:
    orders = [ORDER, ORDER[::-1], ORDER[:2], ("age_daysn_devices", "km"), ()]
    assert len({layout_of(order) for order in orders}) == len(orders)


@pytest.mark.parametrize(
    ("assurance", "late_s", "before_login", "after_login"),
    [
        ("authenticated", 0, True, True),
        ("person", 300, True, True),
        ("person", 301, False, False),
        ("claimed", 0, True, False),
        ("claimed", 301, False, False),
    ],
)
def test_what_counts_for_a_visit(assurance: str, late_s: int, before_login: bool, after_login: bool) -> None:
    seen = sighted(Device, assurance=assurance, late_s=late_s)
    assert counts_for(visit("v1", vouched=False), seen) is before_login
    assert counts_for(visit("v1", vouched=True), seen) is after_login


def test_the_newest_visits_are_kept_and_the_current_one_once() -> None:
    kept: tuple[Visit, ...] = ()
    for i in range(MAX_VISITS + 2):
        kept = keep_visits(kept, visit(f"v{i}", i))
    assert {v.session for v in kept} == {tag(f"v{i}") for i in range(2, MAX_VISITS + 2)}
    again = keep_visits(kept, visit("v3", 99))
    assert [v.last_ms for v in again if v.session == tag("v3")] == [99]
    assert len(again) == MAX_VISITS


def test_visits_that_nobody_vouches_for_take_only_their_own_place() -> None:
    kept: tuple[Visit, ...] = ()
    for i in range(MAX_VISITS):
        kept = keep_visits(kept, visit(f"v{i}", i))
    for i in range(50):
        kept = keep_visits(kept, visit(f"x{i}", 100 + i, vouched=False))
    assert {v.session for v in kept if v.vouched} == {tag(f"v{i}") for i in range(MAX_VISITS)}
    assert [v.session for v in kept if not v.vouched] == [tag(f"x{i}") for i in range(50 - MAX_CLAIMED_VISITS, 50)]


visits = st.builds(visit, st.sampled_from("abcdef"), st.integers(0, 9), vouched=st.booleans())


@given(come=st.lists(visits, max_size=20))
def test_the_visits_kept_are_those_that_a_ranking_of_all_would_keep(come: list[Visit]) -> None:
    """Also where the broker's clock goes back. A visit's own time never does, and what is vouched for stays so."""
    kept: tuple[Visit, ...] = ()
    for each in come:
        before = visit_of(kept, each.session, 0)
        current = replace(
            each,
            last_ms=max(before.last_ms, each.last_ms),
            vouched=before.vouched or each.vouched,
            seen=before.seen + 1,
        )
        others = [v for v in kept if v.session != current.session]
        ranked = sorted([*others, current], key=lambda v: (v.last_ms, v.session))
        kept = keep_visits(kept, current)
        claimed = [v for v in ranked if not v.vouched][-MAX_CLAIMED_VISITS:]
        assert kept == (*claimed, *[v for v in ranked if v.vouched][-MAX_VISITS:])


# The doubts that stand


def test_a_doubt_stands_as_long_as_its_detector_says() -> None:
    standing = keep_standing((), [doubt("A", 500), doubt("B", 500, 0)], sighted(Device))
    assert by_code(standing) == {"A": (500, HOUR_MS)}
    assert [f.code for f in weighing_on(standing, tag("v1"), NOON_MS + HOUR_MS - 1)] == ["A"]
    assert weighing_on(standing, tag("v1"), NOON_MS + HOUR_MS) == []
    assert keep_standing(standing, [], sighted(Device, after_s=3600)) == ()


def test_a_doubt_weighs_on_its_own_session_unless_it_is_about_the_subject() -> None:
    for subject_wide, elsewhere in ((False, []), (True, ["A"])):
        standing = keep_standing((), [doubt("A", 500, subject_wide=subject_wide)], sighted(Device))
        assert [f.code for f in weighing_on(standing, tag("v1"), NOON_MS)] == ["A"]
        assert [f.code for f in weighing_on(standing, tag("v2"), NOON_MS)] == elsewhere


def test_a_doubt_about_a_mere_claim_weighs_on_its_own_session_alone() -> None:
    standing = keep_standing((), [doubt("A", 500, subject_wide=True)], sighted(Device, assurance="claimed"))
    assert [f.code for f in weighing_on(standing, tag("v1"), NOON_MS)] == ["A"]
    assert weighing_on(standing, tag("v2"), NOON_MS) == []


def test_the_stronger_doubt_stands_and_for_no_shorter_time() -> None:
    first = keep_standing((), [doubt("A", 500, 10_000)], sighted(Device))
    weaker = keep_standing(first, [doubt("A", 499, 90_000)], sighted(Device, after_s=1))
    assert by_code(weaker) == {"A": (500, 10_000)}
    stronger = keep_standing(first, [doubt("A", 501, 2_000)], sighted(Device, after_s=1))
    assert by_code(stronger) == {"A": (501, 10_000)}
    renewed = keep_standing(first, [doubt("A", 500, 10_000)], sighted(Device, after_s=1))
    assert by_code(renewed) == {"A": (500, 11_000)}


def test_the_strongest_doubts_are_kept() -> None:
    standing: tuple[Standing, ...] = ()
    for i in range(MAX_STANDING + 3):
        standing = keep_standing(standing, [doubt(f"C{i:02}", 100 + i)], sighted(Device))
    assert sorted(by_code(standing)) == [f"C{i:02}" for i in range(3, MAX_STANDING + 3)]


def test_doubts_about_claims_push_out_none_about_a_vouched_session() -> None:
    standing = keep_standing((), [doubt("A", 1)], sighted(Device))
    for i in range(30):
        claim = sighted(Device, assurance="claimed", session_id=f"x{i}", after_s=60)
        standing = keep_standing(standing, [doubt("B", 1000)], claim)
    assert len(standing) == MAX_STANDING
    assert [f.code for f in weighing_on(standing, tag("v1"), NOON_MS)] == ["A"]


def test_a_login_vouches_for_the_doubts_of_its_session_too() -> None:
    claimed = keep_standing((), [doubt("A", 1)], sighted(Device, assurance="claimed"))
    assert [s.vouched for s in claimed] == [False]
    assert [s.vouched for s in keep_standing(claimed, [], sighted(Login, session_id="v2"))] == [False]
    assert [s.vouched for s in keep_standing(claimed, [], sighted(Login))] == [True]


def test_what_is_kept_does_not_depend_on_the_order_in_which_it_was_stored() -> None:
    standing = keep_standing((), [doubt(f"C{i}", 100 + i) for i in range(MAX_STANDING)], sighted(Device))
    fresh = [doubt("D", 103)]
    assert keep_standing(standing[::-1], fresh, sighted(Device)) == keep_standing(standing, fresh, sighted(Device))
    assert replace(standing[0]) == standing[0]


SIGHTINGS = {
    (session, assurance): sighted(Device, session_id=session, assurance=assurance)
    for session in ("v1", "v2")
    for assurance in ("authenticated", "claimed")
}
doubts = st.builds(
    doubt, st.sampled_from("ABCD"), st.integers(1, 3), st.sampled_from((0, 2, 5)), subject_wide=st.booleans()
)
turns = st.tuples(st.sampled_from(sorted(SIGHTINGS)), st.integers(0, 3), st.lists(doubts, max_size=3))


@settings(max_examples=200)
@given(story=st.lists(turns, max_size=12))
def test_the_doubts_kept_are_those_that_a_ranking_of_all_would_keep(story: list[Any]) -> None:
    standing: tuple[Standing, ...] = ()
    now_ms = NOON_MS
    for who, gap_ms, found in story:
        now_ms += gap_ms
        sighting = replace(SIGHTINGS[who], appended_ms=now_ms)
        expected = ranked_anew(standing, found, sighting)
        standing = keep_standing(standing, found, sighting)
        assert standing == expected


def ranked_anew(standing: tuple[Standing, ...], found: list[Finding], sighting: Sighting) -> tuple[Standing, ...]:
    now_ms, session = sighting.appended_ms, tag(sighting.event.session_id)
    vouched = sighting.event.assurance != "claimed"
    kept: dict[tuple[str, bytes], Standing] = {}
    for old in standing:
        if old.until_ms > now_ms:
            own = vouched and old.session == session
            kept[old.finding.code, old.session] = replace(old, vouched=True) if own else old
    for finding in found:
        if finding.stands_ms == 0:
            continue
        where = b"" if finding.subject_wide and vouched else session
        fresh = Standing(finding, where, now_ms + finding.stands_ms, vouched)
        older = kept.get((finding.code, where), fresh)
        if older.finding.doubt_pm <= finding.doubt_pm:
            until_ms = max(older.until_ms, fresh.until_ms)
            older = Standing(finding, where, until_ms, older.vouched or vouched)
        kept[finding.code, where] = older
    ranked = sorted(kept.values(), key=lambda s: (s.vouched, s.finding.doubt_pm, s.until_ms, s.finding.code, s.session))
    return tuple(ranked[-MAX_STANDING:])
