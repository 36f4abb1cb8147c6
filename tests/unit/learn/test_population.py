from itertools import pairwise

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from menshen.contract.decoding import decode_event
from menshen.contract.events import Checkpoint, GpsFix, Location, Login
from menshen.fraud.detectors import FEATURES
from menshen.learn.frauds import FACTORIES, TAKE_OVERS, mocked_gps
from menshen.learn.lives import life
from menshen.learn.people import Handset, family, person
from menshen.learn.places import CITIES, broadband_ip, carrier_ip, place_of_ip, tunnel_ip
from menshen.learn.population import population
from menshen.learn.rehearsal import Rows, SharedCounts, rehearse
from menshen.learn.visits import HONEST, Told

pytestmark = pytest.mark.slow

PHONE = Handset("d", "ios", True, True)
STORIES = {fraud.__name__ for fraud in (*TAKE_OVERS, *FACTORIES)}


def silent(_what: str, _done: int, _of: int) -> None:
    pass


@pytest.fixture(scope="module")
def told() -> list[Told]:
    return population(np.random.default_rng(4), 60)


@pytest.fixture(scope="module")
def rows(told: list[Told]) -> Rows:
    return rehearse(told, silent)


def test_the_same_seed_gives_the_same_events_and_another_seed_others(told: list[Told]) -> None:
    assert population(np.random.default_rng(4), 60) == told
    assert population(np.random.default_rng(5), 60) != told


def test_every_event_passes_the_contract(told: list[Told]) -> None:
    assert all(decode_event(msgspec.json.encode(line.event)) == line.event for line in told)


def test_events_stand_in_the_order_of_the_log_and_each_has_an_id_of_its_own(told: list[Told]) -> None:
    assert all(earlier.appended_ms <= later.appended_ms for earlier, later in pairwise(told))
    assert len({line.event.event_id for line in told}) == len(told)


def test_every_fraud_is_told_and_leaves_rows(told: list[Told], rows: Rows) -> None:
    assert {line.story for line in told} == STORIES | {HONEST}
    assert set(rows.stories.tolist()) == STORIES | {HONEST}


def test_every_login_and_checkpoint_is_a_row_and_nothing_else(told: list[Told], rows: Rows) -> None:
    asked = [line for line in told if isinstance(line.event, Login | Checkpoint)]
    assert rows.stories.tolist() == [line.story for line in asked]
    assert rows.subjects.tolist() == [line.event.subject_id for line in asked]


def test_the_same_events_give_the_same_rows_and_none_depends_on_what_comes_later(told: list[Told], rows: Rows) -> None:
    again = rehearse(told[:1500], silent).values
    assert again.tobytes() == rows.values[: len(again)].tobytes()


def test_not_even_an_honest_globetrotter_travels_faster_than_an_airliner() -> None:
    """Else honest customers would teach that thieves are harmless."""
    rng = np.random.default_rng(1)
    traveller = replace(person(rng, "s"), travels=0.9, visits_per_day=8.0, handsets=(PHONE,), forgets_cookies=False)
    told = life(rng, traveller)
    fixes = [(line.appended_ms, line.event.gps) for line in told if isinstance(line.event, Location) and line.event.gps]
    speeds = [kmh(before, after) for before, after in pairwise(fixes)]
    assert len(speeds) > 200
    assert 200 < max(speeds) < 900


def kmh(before: tuple[int, GpsFix], after: tuple[int, GpsFix]) -> float:
    """Return the speed on the flat, in which a quarter of an hour goes by beside the journey."""
    north_deg = after[1].latitude_deg - before[1].latitude_deg
    east_deg = (after[1].longitude_deg - before[1].longitude_deg) * np.cos(np.radians(after[1].latitude_deg))
    return float(np.hypot(north_deg, east_deg) * 111.2 / (abs(after[0] - before[0]) / 3_600_000 + 0.25))


def test_frauds_and_honest_sessions_differ_where_each_fraud_gives_itself_away(rows: Rows) -> None:
    def usual(feature: str, story: str) -> float:
        column = rows.values[rows.stories == story, FEATURES.index(feature)]
        return float(np.median(column[np.isfinite(column)]))

    assert usual("device_subjects_30d", "farm") > usual("device_subjects_30d", HONEST)
    assert usual("device_age_days", "stolen_far") < usual("device_age_days", HONEST)
    assert usual("typing_keys_per_s", "robots") > usual("typing_keys_per_s", HONEST)
    assert usual("failed_logins_1h", "stuffed") > usual("failed_logins_1h", HONEST)
    assert usual("night_switches", "night_ring") > usual("night_switches", HONEST)


def test_a_mocked_fix_says_home_while_its_address_is_far_away() -> None:
    rng = np.random.default_rng(1)
    told = [line for i in range(8) for line in mocked_gps(rng, person(rng, f"s{i}"), f"t{i}")]
    gap_km = rehearse(told, silent).values[:, FEATURES.index("gps_ip_gap_km")]
    assert np.median(gap_km[np.isfinite(gap_km)]) > 300


def test_shared_counts_are_distinct_subjects_within_each_window() -> None:
    counts = SharedCounts()
    assert counts.seen("d", "a", 0) == (1, 1, 1)
    assert counts.seen("d", "a", 1) == (1, 1, 1)
    assert counts.seen("d", "b", 3_600_001) == (2, 2, 2)
    assert counts.seen("d", "c", 3_600_002 + 3_600_000) == (1, 3, 3)
    assert counts.seen("d", "c", 40 * 86_400_000) == (1, 1, 1)
    assert counts.seen("other", "a", 0) == (1, 1, 1)
    assert counts.seen(None, "a", 0) == (0, 0, 0)


def test_addresses_are_mostly_registered_where_they_are_used_and_tunnels_are_known_as_such() -> None:
    rng = np.random.default_rng(1)
    for city, middle in enumerate(CITIES):
        assert place_of_ip(carrier_ip(rng, city)).latitude_deg == middle.latitude_deg  # type: ignore[union-attr]
        assert place_of_ip(tunnel_ip(rng, city)).anonymous  # type: ignore[union-attr]
    found = [place_of_ip(broadband_ip(rng, 3)) for _ in range(1000)]
    right = sum(place is not None and place.longitude_deg == CITIES[3].longitude_deg for place in found)
    assert 900 < right < 1000


def test_a_family_shares_a_tablet_and_an_address_but_no_hand() -> None:
    members = family(np.random.default_rng(1), "h", 3)
    assert len({member.handsets[-1] for member in members}) == 1
    assert len({member.home_ip for member in members}) == 1
    assert len({member.hand for member in members}) == 3
