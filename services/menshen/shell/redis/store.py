"""State in Redis: a partition's slot and subjects, and the shared sets, through its scripts (see `lua/claim.lua`)."""

import asyncio
import json
import re
import secrets
import struct
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from menshen.shell.errors import Stale, Unavailable
from menshen.shell.redis.journey import CALL_TIMEOUT_S, Journeys, guarded
from menshen.shell.redis.pseudonyms import Pseudonyms
from menshen.shell.settings import DetectSettings

DAY_MS = 86_400_000
SHARED_LIFETIME_MS = 31 * DAY_MS
NOWHERE = -1
_LUA = Path(__file__).parent / "lua"
_SIGHTING = struct.Struct(">Hd8s")
_RUN_ID = re.compile(rb"run_id:([0-9a-f]+)")


class Intent(NamedTuple):
    """The batch in hand: its first and last offset, and what was observed for it, packed."""

    first: int
    last: int
    observed: bytes


class Marks(NamedTuple):
    """How far a snapshot reaches: the last offset that it includes, and where in the assessment and verdict partitions
    the records of later events begin at the earliest.
    """

    mark: int
    vmark: int
    wmark: int


class Claim(NamedTuple):
    """What a new owner finds. `run` names the run of the server that held all shared entries up to the mark; `failed`
    tells how many times stepping failed, by the offset of the event.
    """

    token: str
    marks: Marks
    intent: Intent | None
    run: str
    failed: Mapping[int, int] = {}


class Held(NamedTuple):
    """What Redis holds of a partition and of some of its subjects at one moment."""

    owner: str
    mark: int
    vmark: int
    blobs: dict[str, bytes | None]


class Shared(NamedTuple):
    """One entry for the shared state: a subject was seen on a device (`d`) or an address (`i`)."""

    kind: str
    identifier: str
    appended_ms: int
    subject_id: str


class _Sightings(NamedTuple):
    """What one call of `observe` brings: its sets with their numbers, its sightings, and the entries that these are."""

    numbers: dict[bytes, int]
    packed: list[bytes]
    places: list[int]


class Store:
    """All that `detect` asks of Redis. Every call may be repeated; none is repeated here.

    Raises `Unavailable` when Redis does not answer or cannot write now, `Stale` when it answers that this owner is not
    the owner, or not where it thinks it is. `run` is the run of the server behind the newest connection: where it
    changes, the server was started anew or replaced, and may have lost its last writes.
    """

    def __init__(self, settings: DetectSettings) -> None:
        self._redis = redis.asyncio.Redis.from_url(
            settings.redis_url.get_secret_value(),
            retry=Retry(NoBackoff(), 0),
            socket_timeout=None,
            socket_connect_timeout=CALL_TIMEOUT_S,
            max_connections=64,
            redis_connect_func=self._greet,
        )
        self._journeys = Journeys(self._redis)
        self._tenant = settings.tenant
        self._names = Pseudonyms(settings.pepper.get_secret_value(), settings.tenant)
        self._lifetime_ms = settings.subject_lifetime_days * DAY_MS
        self._shards, self._capacity = settings.shared_shards, settings.shared_capacity
        self._shared_set = lru_cache(maxsize=65_536)(self._placed)
        self._scripts = {path.stem: self._redis.register_script(path.read_text()) for path in _LUA.glob("*.lua")}
        self.run = ""

    async def claim(self, partition: int) -> Claim:
        """Become the owner of a partition under a fresh token."""
        token = secrets.token_hex(16)
        found = await self._call("claim", [self._slot(partition)], [token])
        marks = Marks(int(found[0] or NOWHERE), int(found[1] or 0), int(found[2] or 0))
        intent = Intent(int(found[3]), int(found[4]), found[5]) if found[3] is not None else None
        failed = {int(offset): n_times for offset, n_times in json.loads(found[7] or b"{}").items()}
        return Claim(token, marks, intent, (found[6] or b"").decode(), failed)

    async def open(
        self, claim: Claim, partition: int, intent: Intent, subjects: Iterable[str]
    ) -> tuple[Intent, list[bytes | None]]:
        """Store the intent (or meet the one that is valid) and read the blobs of some subjects, None where unknown."""
        keys = [self._slot(partition), *(self._subject(partition, subject) for subject in subjects)]
        reply = await self._call("open", keys, [claim.token, claim.marks.mark, *intent])
        if reply[0] != b"OK":
            raise Stale(f"partition {partition}: open")
        return Intent(intent.first, int(reply[1]), reply[2]), reply[3:]

    async def save(self, claim: Claim, partition: int, marks: Marks, blobs: Mapping[str, bytes]) -> None:
        """Write a snapshot that reaches to `marks`, if Redis still holds the claim's token and its mark."""
        keys = [self._slot(partition), *(self._subject(partition, subject) for subject in blobs)]
        checks = [claim.token, claim.marks.mark]
        if await self._call("save", keys, [*checks, *marks, claim.run, self._lifetime_ms, *blobs.values()]) == b"STALE":
            raise Stale(f"partition {partition}: save")

    async def blame(self, claim: Claim, partition: int, offset: int) -> int:
        """Take note that stepping the event at an offset failed; return how many times it did. Counts each call."""
        return int(await self._call("blame", [self._slot(partition)], [claim.token, offset]))

    async def settled_partitions(self, n_partitions: int) -> int:
        """Return how many partitions the events had when this state was begun; the first to ask settles it."""
        key = f"{{{self._tenant}:events}}:partitions"
        settled = await guarded(lambda: self._redis.set(key, n_partitions, nx=True, get=True))
        return n_partitions if settled is None else int(settled)

    async def mark(self, partition: int) -> int:
        """Return the last offset that the state of a partition includes; -1 if none."""
        found = await guarded(lambda: self._redis.hget(self._slot(partition), "mark"))
        return NOWHERE if found is None else int(found)

    async def look(self, partition: int, subjects: Sequence[str]) -> Held:
        """Return what is held of a partition and some subjects at one moment; nothing is changed."""

        async def read() -> Held:
            async with self._redis.pipeline(transaction=True) as together:
                together.hmget(self._slot(partition), ["owner", "mark", "vmark"])
                for subject in subjects:
                    together.get(self._subject(partition, subject))
                (owner, mark, vmark), *blobs = await together.execute()
            found = NOWHERE if mark is None else int(mark)
            return Held((owner or b"").decode(), found, int(vmark or 0), dict(zip(subjects, blobs, strict=True)))

        return await guarded(read)

    async def accept(self, partition: int, mark: int) -> None:
        """Let the state of a partition include what the log has lost; its owner is stale by it."""
        await self._call("accept", [self._slot(partition)], [mark])

    async def observe(self, entries: list[Shared]) -> list[tuple[int, int, int]]:
        """Add entries to the shared sets, in order; return the distinct subjects of each in 1 h, 1 d and 30 d.

        Each shard is a call of its own, since no call may touch two slots; all of them travel together.
        """
        calls: dict[int, _Sightings] = {}
        for at, (kind, identifier, appended_ms, subject_id) in enumerate(entries):
            shard, key = self._shared_set(kind, identifier)
            call = calls.get(shard)
            if call is None:
                call = calls[shard] = _Sightings({}, [], [])
            number = call.numbers.setdefault(key, len(call.numbers) + 1)
            call.packed.append(_SIGHTING.pack(number, appended_ms, self._names.of("subject", subject_id)[:8]))
            call.places.append(at)
        counts: list[tuple[int, int, int]] = [(0, 0, 0)] * len(entries)
        lasting = SHARED_LIFETIME_MS, self._capacity
        requests = [([*call.numbers], [*lasting, b"".join(call.packed)]) for call in calls.values()]
        replies = await asyncio.gather(*(self._call("observe", *each) for each in requests))
        for call, flat in zip(calls.values(), replies, strict=True):
            for at, *three in zip(call.places, flat[::3], flat[1::3], flat[2::3], strict=True):
                counts[at] = (three[0], three[1], three[2])
        return counts

    async def writable(self) -> str | None:
        """Answer None if Redis takes a write now, else what is wrong."""
        try:
            await guarded(lambda: self._redis.set(f"{{{self._tenant}:health}}", b"1", px=60_000))
        except Unavailable as outage:
            return str(outage)
        return None

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def _greet(self, connection: Any) -> None:
        """Ask each new connection's server who it is: the pool replaces a broken connection without a word."""
        await connection.on_connect()
        await connection.send_command("INFO", "server")
        if found := _RUN_ID.search(await connection.read_response()):
            self.run = found[1].decode()

    def _call(self, script: str, keys: list[Any], args: list[Any]) -> Awaitable[Any]:
        return self._journeys.call(self._scripts[script], keys, args)

    def _slot(self, partition: int) -> str:
        return f"{{{self._tenant}:{partition}}}:slot"

    def _subject(self, partition: int, subject_id: str) -> str:
        return f"{{{self._tenant}:{partition}}}:s:{self._names.of('subject', subject_id).hex()}"

    def _placed(self, kind: str, identifier: str) -> tuple[int, bytes]:
        """Return the shard and the key of the set of those who were seen at a device or an address."""
        digest = self._names.of(kind, identifier)
        shard = int.from_bytes(digest[:4], "big") % self._shards
        key = b"{%b:shared:%d}:%b:%b" % (self._tenant.encode(), shard, kind.encode(), digest.hex().encode())
        return shard, key
