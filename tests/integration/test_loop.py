"""The loop on a real log and a real Redis: what a crash at each place leaves, and what the next owner makes of it."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from redis.asyncio import Redis
from tests.servers.kafka import Kafka

from menshen.contract.assessment import Assessment
from menshen.contract.decoding import encode_event
from menshen.contract.events import Checkpoint, Event, Login
from menshen.contract.routing import partition_of
from menshen.contract.signature import TrustedKeys
from menshen.contract.topics import ASSESSMENTS, DEAD_LETTERS, EVENTS, VERDICTS
from menshen.contract.verdict import Verdict
from menshen.detect.gaps import Gap, find_gaps
from menshen.detect.loop import Loop, Ports
from menshen.detect.partition import Partition
from menshen.detect.rules import Rulebook
from menshen.detect.takeover import Takeover
from menshen.fraud.detectors import DETECTORS
from menshen.fraud.policy import parse_policy
from menshen.fraud.step import Rules
from menshen.fraud.subject import pack
from menshen.shell.embedded.servers import EmbeddedValkey, free_port
from menshen.shell.errors import Refusal, Stale, StepFailed
from menshen.shell.geo import GeoBase
from menshen.shell.kafka.clients import Outgoing, Publisher, Reader
from menshen.shell.redis.store import Shared, Store
from menshen.shell.settings import DetectSettings, read_settings
from menshen.shell.signing import Signer, new_key_pair

N_PARTITIONS = 6
SUBJECT = "anna"
PARTITION = partition_of(SUBJECT.encode(), N_PARTITIONS)
COUPON = {"subject_id": SUBJECT, "session_id": "v1", "product_id": "p", "assurance": "authenticated", "seq": 0}


class Clock:
    """When the events of a test occur: now, or they would come too late to teach anything."""

    at_ms = 0


@pytest.fixture(autouse=True)
def now() -> None:
    Clock.at_ms = time.time_ns() // 1_000_000


class Crash(Exception):
    """The process ends here."""


class Dying(Publisher):
    """A publisher that dies once it has published to one topic, or just before."""

    dies_after = ""
    dies_before = ""

    async def publish(self, topic: str, partition: int, records: Sequence[Outgoing]) -> int | None:
        if topic == self.dies_before:
            raise Crash
        end = await super().publish(topic, partition, records)
        if topic == self.dies_after:
            raise Crash
        return end


def login(event_id: str, **said: Any) -> Login:
    times = {"occurred_ms": Clock.at_ms, "received_ms": Clock.at_ms}
    given = COUPON | times | {"device_id": "phone", "outcome": "success", "method": "password"} | said
    return Login(event_id=event_id, **given)


def checkpoint(event_id: str, **said: Any) -> Checkpoint:
    times = {"occurred_ms": Clock.at_ms, "received_ms": Clock.at_ms, "application_id": "a1", "device_id": "phone"}
    return Checkpoint(event_id=event_id, **(COUPON | times | {"step": "eligibility", "attempt": 1} | said))


class World:
    """One tenant's loop by its parts, on the broker and the Redis of the run."""

    def __init__(self, kafka: Kafka, redis_url: str, tenant: str) -> None:
        private, public = new_key_pair()
        self.keys = TrustedKeys.from_pem(public)
        given = {"tenant": tenant, "pepper": "p" * 16, "signing_key": private, "redis_url": redis_url}
        given |= {"kafka_bootstrap_servers": kafka.bootstrap_servers}
        self.settings = read_settings(DetectSettings, {f"MENSHEN_{name.upper()}": text for name, text in given.items()})
        policy = parse_policy(self.settings.policy_file.read_text(), [c for d in DETECTORS for c in d.codes])
        self.rulebook = Rulebook(Rules(tenant, DETECTORS, policy, None))
        self.store, self.publisher, self.reader = Store(self.settings), Dying(self.settings), Reader(self.settings)
        self.takeover = Takeover(self.store, self.reader)
        signer = Signer(self.settings.signing_key.get_secret_value())
        self.loop = Loop(self.rulebook, Ports(self.store, self.publisher, signer, GeoBase(None)))

    async def __aenter__(self) -> "World":
        self._open = AsyncExitStack()
        await self.publisher.start()
        for client in (self.publisher, self.reader):
            self._open.push_async_callback(client.stop)
        self._open.push_async_callback(self.store.close)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def send(self, *events: Event | bytes) -> None:
        values = [event if isinstance(event, bytes) else encode_event(event) for event in events]
        keys = [SUBJECT if isinstance(event, bytes) else event.subject_id for event in events]
        records = [Outgoing(key.encode(), value) for key, value in zip(keys, values, strict=True)]
        await Publisher.publish(self.publisher, EVENTS, PARTITION, records)

    async def claim(self) -> Partition:
        return await self.takeover.claim(PARTITION, N_PARTITIONS)

    async def judge(self, owned: Partition, n: int = 1000) -> None:
        """Judge what waits in the log, at most `n` records a batch."""
        async for _ in self.batches(owned, n):
            pass

    async def batches(self, owned: Partition, n: int) -> AsyncIterator[list[Any]]:
        """Judge what waits in the log batch by batch."""
        _, end = await self.reader.span(EVENTS, PARTITION)
        owned.waiting = [record async for record in self.reader.read(EVENTS, PARTITION, owned.position, end)]
        while records := owned.take(n):
            await self.loop.batch(owned, records, N_PARTITIONS)
            yield records

    async def log(self, topic: str) -> list[Any]:
        first, end = await self.reader.span(topic, PARTITION)
        return [record async for record in self.reader.read(topic, PARTITION, first, end)]

    async def assessments(self) -> list[Assessment]:
        return [msgspec.json.decode(record.value, type=Assessment) for record in await self.log(ASSESSMENTS)]

    async def verdicts(self) -> list[Verdict]:
        return [msgspec.json.decode(record.value, type=Verdict) for record in await self.log(VERDICTS)]


@pytest.fixture
async def world(fresh_topics: Kafka, redis_url: str, tenant: str) -> AsyncIterator[World]:
    async with World(fresh_topics, redis_url, tenant) as world:
        yield world


async def test_a_batch_leaves_one_assessment_an_event_and_a_verdict_at_each_decision_point(world: World) -> None:
    await world.send(login("e1"), checkpoint("e2"), b"broken", login("e3", device_id="laptop"))
    await world.judge(await world.claim())
    assert [a.event_id for a in await world.assessments()] == ["e1", "e2", "e3"]
    assert [(v.event_id, v.kind) for v in await world.verdicts()] == [("e1", "login"), ("e2", "gate"), ("e3", "login")]
    assert [letter.value for letter in await world.log(DEAD_LETTERS)] == [b"broken"]


async def test_what_names_an_application_is_signed_over_its_exact_bytes(world: World) -> None:
    await world.send(login("e1"), checkpoint("e2"))
    await world.judge(await world.claim())
    unsigned, signed = await world.log(VERDICTS)
    assert unsigned.headers == ()
    world.keys.verify(signed.value, signed.headers)


async def test_an_event_that_comes_again_has_one_assessment_and_with_another_content_none(world: World) -> None:
    owned = await world.claim()
    await world.send(login("e1"), login("e1"), login("e1", method="otp"))
    await world.judge(owned)
    await world.send(login("e1"), login("e2"))
    await world.judge(owned)
    assert [a.event_id for a in await world.assessments()] == ["e1", "e2"]
    (letter,) = await world.log(DEAD_LETTERS)
    assert dict(letter.headers)["reason"] == b"ID_REUSE"
    assert letter.value == encode_event(login("e1", method="otp"))


async def test_two_subjects_may_use_one_event_id(world: World) -> None:
    other = next(name for name in map(str, range(100)) if partition_of(name.encode(), N_PARTITIONS) == PARTITION)
    await world.send(login("e1"))
    await world.judge(await world.claim())
    await world.send(login("e1", subject_id=other))
    await world.judge(await world.claim())
    assert [a.subject_id for a in await world.assessments()] == [SUBJECT, other]


@pytest.mark.parametrize(
    ("fault", "topic"),
    [
        ("dies_before", ASSESSMENTS),
        ("dies_after", ASSESSMENTS),
        ("dies_before", VERDICTS),
        ("dies_after", VERDICTS),
    ],
)
async def test_a_crash_while_publishing_loses_nothing_and_repeats_nothing(world: World, fault: str, topic: str) -> None:
    await world.send(login("e1"), checkpoint("e2"), login("e3", device_id="laptop"))
    setattr(world.publisher, fault, topic)
    with pytest.raises(Crash):
        await world.judge(await world.claim())
    setattr(world.publisher, fault, "")
    await world.judge(await world.claim())
    assert [a.event_id for a in await world.assessments()] == ["e1", "e2", "e3"]
    assert [v.event_id for v in await world.verdicts()] == ["e1", "e2", "e3"]


async def test_a_crash_before_the_save_gives_the_same_state_as_none(world: World) -> None:
    await world.send(login("e1"), login("e2", device_id="laptop"), checkpoint("e3"))
    first = await world.claim()
    await world.judge(first)
    second = await world.claim()
    await world.judge(second, 2)
    assert pack(second.subjects[SUBJECT]) == pack(first.subjects[SUBJECT])
    await world.loop.save(second)
    third = await world.claim()
    assert third.position == 3
    assert third.journal == {}


async def test_what_was_observed_before_a_crash_stands_though_others_were_seen_since(world: World) -> None:
    await world.send(login("e1"))
    world.publisher.dies_before = ASSESSMENTS
    with pytest.raises(Crash):
        await world.judge(await world.claim())
    world.publisher.dies_before = ""
    await world.store.observe([Shared("d", "phone", Clock.at_ms, f"other {i}") for i in range(9)])
    await world.judge(await world.claim())
    assert [a.observed.device_subjects_1h for a in await world.assessments()] == [1]


async def test_what_was_observed_for_a_published_event_stands_though_the_intent_is_gone(world: World) -> None:
    await world.send(login("e1"))
    await world.judge(await world.claim())
    await world.send(login("e2"))
    second = await world.claim()
    await world.judge(second, 1)
    await world.store.observe([Shared("d", "phone", Clock.at_ms, f"other {i}") for i in range(9)])
    third = await world.claim()
    await world.judge(third, 1)
    assert pack(third.subjects[SUBJECT]) == pack(second.subjects[SUBJECT])
    assert [a.observed.device_subjects_1h for a in await world.assessments()] == [1, 1]


async def test_a_batch_has_exactly_the_range_of_the_intent_that_is_stored_for_it(world: World) -> None:
    await world.send(*(login(f"e{i}") for i in range(4)))
    world.publisher.dies_before = ASSESSMENTS
    with pytest.raises(Crash):
        await world.judge(await world.claim(), 3)
    world.publisher.dies_before = ""
    owned = await world.claim()
    ranges = [len(batch) async for batch in world.batches(owned, 2)]
    assert ranges == [3, 1]
    assert [a.event_id for a in await world.assessments()] == ["e0", "e1", "e2", "e3"]


async def test_an_owner_with_other_rules_does_not_answer_again(world: World) -> None:
    await world.send(login("e1"), login("e2", device_id="laptop"))
    await world.judge(await world.claim())
    rules = world.rulebook.current
    world.rulebook.current = replace(rules, policy=msgspec.structs.replace(rules.policy, version="newer"))
    await world.send(login("e3"))
    second = await world.claim()
    await world.judge(second, 2)
    assert [(v.event_id, v.versions.policy) for v in await world.verdicts()] == [
        ("e1", "default-1"),
        ("e2", "default-1"),
        ("e3", "newer"),
    ]


async def test_a_zombie_publishes_nothing_and_saves_nothing(world: World) -> None:
    zombie = await world.claim()
    await world.claim()
    await world.send(login("e1"))
    with pytest.raises(Stale):
        await world.judge(zombie)
    assert await world.log(ASSESSMENTS) == []


async def test_an_event_that_cannot_be_stepped_goes_to_the_dead_letters_the_fourth_time(world: World) -> None:
    await world.send(login("e1"), login("poison"), login("e3"))
    rules = world.rulebook.current
    world.rulebook.current = replace(rules, detectors=(*rules.detectors, _Broken()))
    for _ in range(3):
        owned = await world.claim()
        with pytest.raises(StepFailed) as failed:
            await world.judge(owned)
        await world.loop.blame(owned, failed.value)
    assert await world.log(ASSESSMENTS) == []
    await world.judge(await world.claim())
    assert [a.event_id for a in await world.assessments()] == ["e1", "e3"]
    (letter,) = await world.log(DEAD_LETTERS)
    assert letter.value == encode_event(login("poison"))
    assert dict(letter.headers)["reason"] == b"QUARANTINED"


class _Broken(type(DETECTORS[0])):  # type: ignore[misc]
    name = "broken"

    def step(self, state: Any, sighting: Any, /) -> Any:
        if sighting.event.event_id == "poison":
            raise ZeroDivisionError
        return super().step(state, sighting)._replace(findings=(), features=None)


async def test_a_redis_that_lost_everything_is_rebuilt_from_the_log(world: World, redis_url: str, tenant: str) -> None:
    await world.send(login("e1"), login("e2", device_id="laptop"))
    first = await world.claim()
    await world.judge(first)
    await world.loop.save(first)
    await _empty(redis_url, tenant)
    await world.send(login("e3", device_id="tablet"))
    with pytest.raises(Stale):
        await world.judge(first)
    second = await world.claim()
    await world.judge(second)
    found = await world.assessments()
    assert [a.event_id for a in found] == ["e1", "e2", "e3"]
    assert [reason.code for reason in found[-1].reasons] == ["NEW_DEVICE"]


async def test_a_partition_whose_log_was_cut_beyond_the_state_is_degraded(
    world: World, fresh_topics: Kafka, redis_url: str, tenant: str
) -> None:
    await world.send(login("e1"), login("e2"))
    owned = await world.claim()
    await world.judge(owned)
    await world.loop.save(owned)
    await _cut(fresh_topics, 2)
    assert (await world.claim()).position == 2
    await _empty(redis_url, tenant)
    with pytest.raises(Refusal, match=r"DEGRADED.* begins only at 2"):
        await world.claim()
    assert await find_gaps(world.settings, accept=False) == [Gap(PARTITION, 0, 2)]
    assert await find_gaps(world.settings, accept=True) == [Gap(PARTITION, 0, 2)]
    assert await find_gaps(world.settings, accept=False) == []
    await world.send(login("e3"))
    await world.judge(await world.claim())
    assert [a.event_id for a in await world.assessments()] == ["e1", "e2", "e3"]


async def test_what_was_accepted_makes_the_owner_claim_anew_and_no_state_is_set_back(world: World) -> None:
    owned = await world.claim()
    await world.store.accept(PARTITION, 4)
    await world.send(login("e1"))
    with pytest.raises(Stale):
        await world.judge(owned)
    await world.store.accept(PARTITION, 2)
    assert await world.store.mark(PARTITION) == 4


async def test_another_number_of_partitions_than_the_state_was_begun_with_is_refused(world: World) -> None:
    await world.claim()
    with pytest.raises(Refusal, match="has 8 partitions, and had 6"):
        await world.takeover.claim(PARTITION, 8)
    await world.claim()


async def test_a_state_that_is_ahead_of_its_log_is_refused(world: World, redis_url: str, tenant: str) -> None:
    await world.send(login("e1"))
    owned = await world.claim()
    await world.judge(owned)
    await world.loop.save(owned)
    async with Redis.from_url(redis_url) as client:
        await client.hset(f"{{{tenant}:{PARTITION}}}:slot", "mark", 9)
    with pytest.raises(Refusal, match="already ends at 1"):
        await world.claim()


async def test_shared_entries_that_a_server_lost_are_added_again_before_the_next_observation(
    fresh_topics: Kafka, tenant: str, tmp_path: Any
) -> None:
    port = free_port()
    async with World(fresh_topics, f"redis://127.0.0.1:{port}/0", tenant) as world:
        with EmbeddedValkey(tmp_path, port=port):
            await world.send(login("e1"))
            owned = await world.claim()
            await world.judge(owned)
            await world.loop.save(owned)
            async with Redis.from_url(world.settings.redis_url.get_secret_value()) as client:
                lost = [key async for key in client.scan_iter("*:shared:*")]
                await client.delete(*lost)
        with EmbeddedValkey(tmp_path, port=port):
            other = next(n for n in map(str, range(100)) if partition_of(n.encode(), N_PARTITIONS) == PARTITION)
            await world.send(login("e2", subject_id=other))
            # Whoever asks first gets the broken connection; here it is a probe, and the loop would notice nothing.
            while await world.store.writable():
                pass
            with pytest.raises(Stale, match="started anew"):
                await world.judge(owned)
            await world.judge(await world.claim())
        assert [a.observed.device_subjects_1h for a in await world.assessments()] == [1, 2]


async def _empty(redis_url: str, tenant: str) -> None:
    async with Redis.from_url(redis_url) as client:
        await client.delete(*[key async for key in client.scan_iter(f"{{{tenant}:*")])


async def _cut(kafka: Kafka, before: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(EVENTS, PARTITION): RecordsToDelete(before_offset=before)})
    finally:
        await admin.close()
