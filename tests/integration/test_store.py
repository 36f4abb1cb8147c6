"""The store and its server: what lies there under which name, for how long, and what becomes of a call without one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest
from redis.asyncio import Connection, Redis

from menshen.shell.embedded.servers import EmbeddedValkey, free_port
from menshen.shell.errors import Stale, Unavailable
from menshen.shell.redis.store import DAY_MS, Claim, Intent, Marks, Shared, Store
from menshen.shell.settings import DetectSettings, read_settings
from menshen.shell.signing import new_key_pair

HOUR_MS = 3_600_000


def settings(redis_url: str, tenant: str, **changes: Any) -> DetectSettings:
    given = {"redis_url": redis_url, "tenant": tenant, "pepper": "p" * 16, "signing_key": new_key_pair()[0], **changes}
    return read_settings(DetectSettings, {f"MENSHEN_{name.upper()}": str(value) for name, value in given.items()})


@asynccontextmanager
async def opened(redis_url: str, tenant: str, **changes: Any) -> AsyncIterator[Store]:
    store = Store(settings(redis_url, tenant, **changes))
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def store(redis_url: str, tenant: str) -> AsyncIterator[Store]:
    async with opened(redis_url, tenant) as store:
        yield store


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


def moved(claim: Claim, mark: int) -> Claim:
    return claim._replace(marks=Marks(mark, 0, 0))


async def test_after_redis_fell_back_the_owner_is_stale(store: Store, redis: Redis, tenant: str) -> None:
    claim = await store.claim(0)
    slot = f"{{{tenant}:0}}:slot"
    older = await redis.dump(slot)
    await store.save(claim, 0, Marks(9, 0, 0), {})
    await redis.restore(slot, 0, older, replace=True)
    with pytest.raises(Stale):
        await store.open(moved(claim, 9), 0, Intent(10, 12, b""), [])
    await redis.delete(slot)
    with pytest.raises(Stale):
        await store.save(moved(claim, 9), 0, Marks(12, 0, 0), {})


async def test_a_subject_that_nobody_saw_for_its_lifetime_is_forgotten(redis_url: str, tenant: str) -> None:
    async with opened(redis_url, tenant, subject_lifetime_days=2) as store, Redis.from_url(redis_url) as client:
        await store.save(await store.claim(0), 0, Marks(0, 0, 0), {"s": b"blob"})
        (key,) = [key async for key in client.scan_iter(f"{{{tenant}:0}}:s:*")]
        assert 2 * DAY_MS - 60_000 < await client.pttl(key) <= 2 * DAY_MS


async def test_no_identifier_can_be_read_from_a_key(store: Store, redis: Redis, tenant: str) -> None:
    await store.save(await store.claim(0), 0, Marks(0, 0, 0), {"subject\r\n*": b"blob"})
    await store.observe([Shared("d", "device:1 *", 1, "subject\r\n*"), Shared("i", "192.0.2.1", 1, "subject\r\n*")])
    keys = [key async for key in redis.scan_iter(f"*{tenant}*")]
    assert len(keys) == 4
    assert not any(word in key for key in keys for word in (b"subject", b"device", b"192.0.2.1", b"\n"))


async def test_a_device_that_nobody_used_for_the_longest_window_is_forgotten(
    store: Store, redis: Redis, tenant: str
) -> None:
    await store.observe([Shared("d", "phone", 1, "a")])
    (key,) = [key async for key in redis.scan_iter(f"{{{tenant}:shared:*}}:d:*")]
    assert 31 * DAY_MS - 60_000 < await redis.pttl(key) <= 31 * DAY_MS


async def test_a_device_keeps_the_newest_subjects_and_no_more_in_any_order(redis_url: str, tenant: str) -> None:
    entries = [Shared("d", "", i, f"s{i}") for i in range(100)]
    async with opened(redis_url, tenant, shared_capacity=16) as store, Redis.from_url(redis_url) as client:
        for seed in range(3):
            shuffled = Random(seed).sample(entries, len(entries))
            await store.observe([entry._replace(identifier=f"phone {seed}") for entry in shuffled])
        keys = [key async for key in client.scan_iter(f"{{{tenant}:shared:*}}:d:*")]
        kept = [await client.zrange(key, 0, -1, withscores=True) for key in keys]
    assert kept[0] == kept[1] == kept[2]
    assert [score for _, score in kept[0]] == list(range(84, 100))


async def test_each_entry_gets_its_own_counts_though_all_shards_are_asked_at_once(store: Store) -> None:
    entries = [Shared("d", f"phone {n % 40}", n, f"s{n}") for n in range(120)]
    entries += [Shared("i", f"192.0.2.{n % 40}", 120 + n, "s") for n in range(80)]
    seen: dict[tuple[str, str], set[str]] = {}
    expected = []
    for entry in entries:
        seen.setdefault((entry.kind, entry.identifier), set()).add(entry.subject_id)
        expected.append((len(seen[entry.kind, entry.identifier]),) * 3)
    assert await store.observe(entries) == expected


async def test_scripts_that_the_server_has_forgotten_are_given_to_it_again(store: Store, redis: Redis) -> None:
    entries = [Shared("d", f"phone {n}", n, "s") for n in range(40)]
    await redis.script_flush()
    assert await store.observe(entries) == [(1, 1, 1)] * 40


async def test_a_server_that_forgets_its_scripts_again_and_again_does_all_that_it_is_asked(
    store: Store, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    sends = Connection.send_packed_command

    async def forgetting(connection: Connection, *command: Any, **how: Any) -> None:
        """It has forgotten them, too, whenever it is asked for the second time."""
        if connection not in redis.connection_pool._in_use_connections:
            await redis.script_flush()
        await sends(connection, *command, **how)

    monkeypatch.setattr(Connection, "send_packed_command", forgetting)
    claim = await store.claim(0)
    await store.save(claim, 0, Marks(9, 0, 0), {"s": b"blob"})
    assert (await store.open(moved(claim, 9), 0, Intent(10, 12, b""), ["s"]))[1] == [b"blob"]
    assert await store.observe([Shared("d", "phone", 1, "s")]) == [(1, 1, 1)]


async def test_what_partitions_ask_at_one_moment_travels_together_and_each_gets_its_own_answer(
    store: Store, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = [await store.claim(n) for n in range(6)]
    await store.save(claims[4], 4, Marks(0, 0, 0), {"s": b"blob"})
    claims[4] = moved(claims[4], 0)
    stale = claims[5]._replace(token="another's")
    await store.open(claims[0], 0, Intent(0, 0, b""), [])  # from now on the server knows the script
    journeys = list[bool]()
    departs = Connection.send_packed_command
    monkeypatch.setattr(Connection, "send_packed_command", lambda *sent: journeys.append(True) or departs(*sent))
    asked = [store.open(claim, n, Intent(1, n + 1, b""), ["s"]) for n, claim in enumerate([*claims[:5], stale])]
    *opened, refused = await asyncio.gather(*asked, return_exceptions=True)
    assert [blobs for _, blobs in opened] == [[None], [None], [None], [None], [b"blob"]]
    assert [intent.last for intent, _ in opened] == [1, 2, 3, 4, 5]
    assert isinstance(refused, Stale)
    assert len(journeys) == 1


async def test_who_stops_waiting_holds_up_nobody_who_travels_along(store: Store) -> None:
    claims = [await store.claim(n) for n in range(2)]
    asked = [asyncio.ensure_future(store.open(claim, n, Intent(0, 0, b""), [])) for n, claim in enumerate(claims)]
    await asyncio.sleep(0)
    asked[0].cancel()
    assert await asked[1] == (Intent(0, 0, b""), [])


async def test_all_who_travel_to_a_server_that_is_not_there_hear_of_the_outage(tenant: str) -> None:
    async with opened(f"redis://127.0.0.1:{free_port()}/0", tenant) as store:
        entries = [Shared("d", f"phone {n}", n, "s") for n in range(40)]
        heard = await asyncio.gather(*(store.observe(entries) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in heard] == [Unavailable] * 3


async def test_tenants_share_a_server_and_nothing_else(redis_url: str, tenant: str) -> None:
    async with opened(redis_url, f"{tenant}a") as one, opened(redis_url, f"{tenant}b") as other:
        await one.save(await one.claim(0), 0, Marks(9, 0, 0), {"s": b"theirs"})
        await one.observe([Shared("d", "phone", 1, "theirs")])
        claim = await other.claim(0)
        assert claim.marks.mark == -1
        assert (await other.open(claim, 0, Intent(0, 0, b""), ["s"]))[1] == [None]
        assert await other.observe([Shared("d", "phone", 1, "mine")]) == [(1, 1, 1)]


async def test_a_server_that_is_not_there_is_an_outage_and_one_that_was_replaced_is_noticed(tenant: str) -> None:
    port, runs = free_port(), list[str]()
    async with opened(f"redis://127.0.0.1:{port}/0", tenant) as store:
        with pytest.raises(Unavailable):
            await store.claim(0)
        for _ in range(2):
            with EmbeddedValkey(port=port):
                assert await store.writable() is None
                runs.append(store.run)
            assert "redis" in str(await store.writable())
    assert len(set(runs)) == 2
    assert "" not in runs


async def test_a_server_without_memory_is_an_outage_and_nothing_is_half_written(tenant: str) -> None:
    with EmbeddedValkey() as valkey:
        async with opened(valkey.url, tenant) as store, Redis.from_url(valkey.url) as client:
            claim = await store.claim(0)
            await client.config_set("maxmemory", 1)
            with pytest.raises(Unavailable):
                await store.save(claim, 0, Marks(9, 0, 0), {"a": b"A"})
            assert await store.writable() is not None
            await client.config_set("maxmemory", 0)
            assert await client.keys("*:s:*") == []
            assert (await store.claim(0)).marks.mark == -1
