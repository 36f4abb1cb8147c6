"""The scripts in Redis, one by one: who may write, what wins, and that repeating and reordering change nothing.

One suite on both: the scripts on a real server, and what the simulation takes their meaning to be.
"""

from collections.abc import AsyncIterator, Callable
from itertools import permutations
from random import Random
from typing import Any

import pytest
from tests.simulation.ports.redis import SimulatedRedis, SimulatedStore

from menshen.shell.errors import Stale
from menshen.shell.redis.store import DAY_MS, Claim, Intent, Marks, Shared, Store
from menshen.shell.settings import DetectSettings, read_settings
from menshen.shell.signing import new_key_pair

HOUR_MS = 3_600_000
N_CALLS = 1500


@pytest.fixture
def settings(redis_url: str, tenant: str) -> DetectSettings:
    given = {"redis_url": redis_url, "tenant": tenant, "pepper": "p" * 16, "signing_key": new_key_pair()[0]}
    given |= {"shared_shards": "2", "shared_capacity": "16"}
    return read_settings(DetectSettings, {f"MENSHEN_{name.upper()}": value for name, value in given.items()})


@pytest.fixture
async def real(settings: DetectSettings) -> AsyncIterator[Store]:
    store = Store(settings)
    yield store
    await store.close()


@pytest.fixture
async def simulated(settings: DetectSettings) -> Store:
    return SimulatedStore(settings, SimulatedRedis(Random(0)), at_once, Random(0))


async def at_once(_: str, effect: Callable[[], Any]) -> Any:
    return effect()


@pytest.fixture(params=["real", "simulated"])
async def store(request: pytest.FixtureRequest, real: Store, simulated: Store) -> Store:
    return real if request.param == "real" else simulated


async def test_a_first_claim_finds_nothing(store: Store) -> None:
    claim = await store.claim(0)
    assert (claim.marks, claim.intent, claim.run, claim.failed) == (Marks(-1, 0, 0), None, "", {})


async def test_the_later_claim_wins_and_the_earlier_owner_can_do_nothing_more(store: Store) -> None:
    earlier, later = await store.claim(0), await store.claim(0)
    with pytest.raises(Stale):
        await store.open(earlier, 0, Intent(0, 4, b""), [])
    with pytest.raises(Stale):
        await store.save(earlier, 0, Marks(4, 5, 5), {"s": b"theirs"})
    assert await store.blame(earlier, 0, 0) == 0
    assert await store.open(later, 0, Intent(0, 4, b""), ["s"]) == (Intent(0, 4, b""), [None])


async def test_a_partition_is_a_matter_of_its_own(store: Store) -> None:
    first = await store.claim(0)
    await store.claim(1)
    await store.open(first, 0, Intent(0, 4, b""), [])


async def test_what_is_saved_is_what_the_next_owner_finds(store: Store) -> None:
    claim = await store.claim(0)
    await store.save(claim._replace(run="r1"), 0, Marks(9, 7, 3), {"a": b"A", "b": b"\x00\xffB"})
    claim = await store.claim(0)
    assert (claim.marks, claim.run) == (Marks(9, 7, 3), "r1")
    assert (await store.open(claim, 0, Intent(10, 12, b""), ["a", "x", "b"]))[1] == [b"A", None, b"\x00\xffB"]


async def test_a_mark_that_is_not_the_owners_is_stale_for_open_and_for_save(store: Store) -> None:
    claim = await store.claim(0)
    await store.save(claim, 0, Marks(9, 0, 0), {"s": b"new"})
    with pytest.raises(Stale):
        await store.open(claim, 0, Intent(0, 4, b""), [])
    with pytest.raises(Stale):
        await store.save(claim, 0, Marks(5, 0, 0), {"s": b"old"})
    assert (await store.open(moved(claim, 9), 0, Intent(10, 12, b""), ["s"]))[1] == [b"new"]


async def test_a_save_whose_reply_was_lost_is_done_when_it_comes_again(store: Store) -> None:
    claim = await store.claim(0)
    for _ in range(2):
        await store.save(claim, 0, Marks(9, 0, 0), {"s": b"blob"})
    assert (await store.claim(0)).marks.mark == 9


async def test_an_intent_for_this_offset_wins_over_a_fresh_one(store: Store) -> None:
    await store.open(await store.claim(0), 0, Intent(0, 4, b"seen first"), [])
    claim = await store.claim(0)
    assert claim.intent == Intent(0, 4, b"seen first")
    assert (await store.open(claim, 0, Intent(0, 9, b"seen later"), []))[0] == Intent(0, 4, b"seen first")


async def test_an_intent_for_a_later_offset_stays_until_it_is_reached(store: Store) -> None:
    claim = await store.claim(0)
    await store.open(claim, 0, Intent(5, 9, b"later"), [])
    assert (await store.open(claim, 0, Intent(0, 4, b"now"), []))[0] == Intent(0, 4, b"now")
    assert (await store.claim(0)).intent == Intent(5, 9, b"later")


async def test_an_intent_for_an_earlier_offset_gives_way(store: Store) -> None:
    claim = await store.claim(0)
    for intent in (Intent(0, 4, b"one"), Intent(5, 9, b"two")):
        assert (await store.open(claim, 0, intent, []))[0] == intent
    assert (await store.claim(0)).intent == Intent(5, 9, b"two")


async def test_a_save_deletes_the_intent_that_the_mark_has_passed_and_no_later_one(store: Store) -> None:
    claim = await store.claim(0)
    await store.open(claim, 0, Intent(5, 9, b""), [])
    await store.save(claim, 0, Marks(4, 0, 0), {})
    assert (await store.claim(0)).intent is not None
    claim = await store.claim(0)
    await store.save(claim, 0, Marks(9, 0, 0), {})
    assert (await store.claim(0)).intent is None


async def test_failures_are_counted_by_offset_until_the_state_is_beyond_it(store: Store) -> None:
    claim = await store.claim(0)
    assert [await store.blame(claim, 0, offset) for offset in (7, 7, 8, 7)] == [1, 2, 1, 3]
    claim = await store.claim(0)
    assert claim.failed == {7: 3, 8: 1}
    await store.save(claim, 0, Marks(7, 0, 0), {})
    claim = await store.claim(0)
    assert claim.failed == {8: 1}
    await store.save(claim, 0, Marks(9, 0, 0), {})
    assert (await store.claim(0)).failed == {}


async def test_each_window_counts_distinct_subjects_up_to_the_event_and_with_it(store: Store) -> None:
    now_ms = 40 * DAY_MS
    ages_ms = {"month": 31 * DAY_MS, "week": 7 * DAY_MS, "noon": 3 * HOUR_MS, "just": 1000, "me": 0}
    entries = [Shared("d", "phone", now_ms - age_ms, subject) for subject, age_ms in ages_ms.items()]
    await store.observe(entries)
    assert await store.observe([entries[-1], entries[-1]]) == [(2, 3, 4), (2, 3, 4)]


async def test_shared_entries_give_the_same_counts_in_any_order_and_any_number_of_times(store: Store) -> None:
    entries = [Shared("d", "", at, subject) for at, subject in ((1, "a"), (5000, "b"), (9000, "a"))]
    probe_ms = 9000 + HOUR_MS - 1
    for number, order in enumerate(permutations(entries)):
        named = [entry._replace(identifier=f"phone {number}") for entry in order]
        await store.observe([*named, *named[:2]])
        assert await store.observe([Shared("d", f"phone {number}", probe_ms, "c")]) == [(2, 3, 3)]


async def test_what_was_accepted_moves_the_mark_forward_only_and_ends_the_intent(store: Store) -> None:
    claim = await store.claim(0)
    await store.save(claim, 0, Marks(3, 2, 1), {})
    await store.open(moved(claim, 3), 0, Intent(4, 5, b""), [])
    await store.accept(0, 3)
    assert (await store.claim(0)).intent is not None
    await store.accept(0, 7)
    assert (await store.claim(0))[1:3] == (Marks(7, 0, 0), None)
    assert await store.mark(0) == 7


async def test_the_first_to_ask_settles_the_number_of_partitions(store: Store) -> None:
    assert [await store.settled_partitions(n) for n in (3, 6)] == [3, 3]


async def test_the_simulation_answers_as_the_server_does_whatever_it_is_asked(real: Store, simulated: Store) -> None:
    """Two owners of one partition, one of them outdated, ask at random."""
    chance = Random(7)
    claims: list[tuple[Claim, Claim]] = []
    for _ in range(N_CALLS):
        if not claims or chance.random() < 0.1:
            claims.append((await real.claim(0), await simulated.claim(0)))
            assert claims[-1][0][1:] == claims[-1][1][1:]
            continue
        call = a_call(chance, chance.choice(claims[-2:]))
        assert await answer(real, 0, call) == await answer(simulated, 1, call), call


def a_call(chance: Random, claims: tuple[Claim, Claim]) -> tuple[str, list[Any]]:
    """Return a method and its arguments; a claim is given for each of the two stores."""
    mark = chance.randrange(-1, 8)
    held = tuple(moved(claim, mark) for claim in claims)
    first = chance.randrange(8)
    return chance.choice(
        [
            ("open", [held, 0, Intent(first, first + chance.randrange(3), chance.randbytes(2)), ["a", "b"]]),
            ("open", [claims, 0, Intent(first, first, b"x"), []]),
            ("save", [held, 0, Marks(chance.randrange(8), first, first), {chance.choice("ab"): chance.randbytes(3)}]),
            ("blame", [claims, 0, first]),
            ("accept", [0, chance.randrange(-1, 6)]),
            ("mark", [0]),
            ("observe", [[a_sighting(chance) for _ in range(chance.randrange(1, 4))]]),
        ]
    )


def a_sighting(chance: Random) -> Shared:
    at_ms = 40 * DAY_MS - chance.choice((0, HOUR_MS, DAY_MS, 30 * DAY_MS)) + chance.randrange(3)
    return Shared(chance.choice("di"), chance.choice("xyz"), at_ms, f"s{chance.randrange(40)}")


async def answer(store: Store, which: int, call: tuple[str, list[Any]]) -> Any:
    """Return what a store answers; a refusal is an answer too."""
    method, (first, *others) = call
    given = first[which] if isinstance(first, tuple) else first
    try:
        return await getattr(store, method)(given, *others)
    except Stale as stale:
        return str(stale)


def moved(claim: Claim, mark: int) -> Claim:
    return claim._replace(marks=Marks(mark, 0, 0))
