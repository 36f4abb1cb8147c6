"""One tenant's loop by its parts, with what goes into it, what kills it, and what its servers may lose."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from redis.asyncio import Redis
from tests.servers.kafka import Kafka

from menshen.contract.assessment import Assessment, Shed
from menshen.contract.decoding import encode_event
from menshen.contract.events import Checkpoint, Event, Location, Login
from menshen.contract.routing import partition_of
from menshen.contract.signature import TrustedKeys
from menshen.contract.topics import ASSESSMENTS, EVENTS, VERDICTS
from menshen.contract.verdict import Verdict
from menshen.detect.loop import Loop, Ports
from menshen.detect.ownership.partition import Partition
from menshen.detect.ownership.takeover import Takeover
from menshen.detect.rules import Rulebook
from menshen.detect.shedding import Shedding
from menshen.fraud.detectors import DETECTORS
from menshen.fraud.policy import parse_policy
from menshen.fraud.step import Rules
from menshen.shell.geo import GeoBase
from menshen.shell.kafka.clients import Outgoing, Publisher, Reader
from menshen.shell.redis.store import Store
from menshen.shell.settings import DetectSettings, read_settings
from menshen.shell.signing import Signer, new_key_pair

N_PARTITIONS = 6
SUBJECT = "anna"
PARTITION = partition_of(SUBJECT.encode(), N_PARTITIONS)
COUPON = {"subject_id": SUBJECT, "session_id": "v1", "product_id": "p", "assurance": "authenticated", "seq": 0}


class Clock:
    """When the events of a test occur: now, or they would come too late to teach anything."""

    at_ms = 0


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


def location(event_id: str, **said: Any) -> Location:
    given = COUPON | {"occurred_ms": Clock.at_ms, "received_ms": Clock.at_ms, "device_id": "phone"} | said
    return Location(event_id=event_id, **given)


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
        self._signer = Signer(self.settings.signing_key.get_secret_value())
        self.sheds(0)

    def sheds(self, after_ms: int) -> None:
        """Have the loop shed telemetry of this age and more; 0: none."""
        self._loops(GeoBase(None), after_ms)

    def locates(self, base: Path) -> None:
        """Have the loop look addresses up in a base."""
        self._loops(GeoBase(base), 0)

    def _loops(self, geo: GeoBase, shed_after_ms: int) -> None:
        ports = Ports(self.store, self.publisher, self._signer, geo)
        self.loop = Loop(self.rulebook, ports, Shedding(shed_after_ms))

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
        records = [record for record in await self.log(ASSESSMENTS) if record.key is not None]
        return [msgspec.json.decode(record.value, type=Assessment) for record in records]

    async def shed(self) -> list[Shed]:
        """Return what is written of events that were shed, a record a batch."""
        records = [record for record in await self.log(ASSESSMENTS) if record.key is None]
        return [msgspec.json.decode(record.value, type=Shed) for record in records]

    async def verdicts(self) -> list[Verdict]:
        return [msgspec.json.decode(record.value, type=Verdict) for record in await self.log(VERDICTS)]


async def empty_redis(redis_url: str, tenant: str) -> None:
    """Take from a Redis all that it holds of a tenant, as a server without a disk does that starts anew."""
    async with Redis.from_url(redis_url) as client:
        await client.delete(*[key async for key in client.scan_iter(f"{{{tenant}:*")])


async def cut_log(kafka: Kafka, before: int) -> None:
    """Take from the log the events before an offset, as its retention does."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(EVENTS, PARTITION): RecordsToDelete(before_offset=before)})
    finally:
        await admin.close()
