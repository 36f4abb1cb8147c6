"""Kafka for the worker: clients with the settings that the protocol needs, publishing with acks, reading back."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, TopicAuthorizationFailedError
from msgspec import Struct

from menshen.shell.errors import Unavailable
from menshen.shell.settings import DetectSettings, KafkaSettings

Headers = Sequence[tuple[str, bytes]]
MAX_REQUEST_BYTES = 1_048_576
FETCH_BYTES = 65_536
"""A fetch waits until there is so much, or until its time is over: each costs, however little it brings."""
READ_BACK_MS = 10_000
READ_BACK_RECORDS = 1_000


class Outgoing(Struct, frozen=True, gc=False):
    """A record to publish."""

    key: bytes | None
    value: bytes | None
    headers: Headers = ()


def connection(settings: KafkaSettings) -> dict[str, Any]:
    """Return the arguments with which any aiokafka client reaches the brokers."""
    protocol = settings.kafka_security_protocol
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap_servers,
        "security_protocol": protocol,
    }
    if protocol.endswith("SSL"):
        arguments["ssl_context"] = ssl.create_default_context(cafile=settings.kafka_ca_file)
    if protocol.startswith("SASL") and settings.kafka_password:
        arguments |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_username,
            "sasl_plain_password": settings.kafka_password.get_secret_value(),
        }
    return arguments


def group_consumer(settings: DetectSettings) -> AIOKafkaConsumer:
    """Return the consumer of events: whole partitions to one member (range), commits by hand, quick take-over."""
    return AIOKafkaConsumer(
        **connection(settings),
        group_id=settings.group_id,
        group_instance_id=settings.instance_id,
        partition_assignment_strategy=(RangePartitionAssignor,),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=settings.session_timeout_ms,
        heartbeat_interval_ms=settings.session_timeout_ms // 12,
        fetch_max_wait_ms=settings.fetch_wait_ms,
        fetch_min_bytes=FETCH_BYTES,
        max_partition_fetch_bytes=MAX_REQUEST_BYTES,
        check_crcs=False,
    )


async def partitions_of(settings: KafkaSettings, topic: str) -> list[int]:
    """Return the numbers of a topic's partitions; none if it does not exist. Raises `Unavailable`; call again."""
    admin = AIOKafkaAdminClient(**connection(settings))
    try:
        await admin.start()
        (described,) = await admin.describe_topics([topic])
    except KafkaError as error:
        raise Unavailable(f"kafka: {error}") from error
    finally:
        await admin.close()
    return sorted(part["partition"] for part in described["partitions"])


class Publisher:
    """Publishes whole batches to one partition and waits until every replica has them.

    A batch that failed leaves a gap in what its producer has numbered, and the broker takes nothing behind a gap: after
    a failure the next batch goes out by a new producer.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._producer = self._made()
        self._failed: AIOKafkaProducer | None = None
        self._renewing = asyncio.Lock()

    def _made(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **connection(self._settings),
            acks="all",
            enable_idempotence=True,
            max_batch_size=MAX_REQUEST_BYTES // 2,
            max_request_size=MAX_REQUEST_BYTES,
        )

    async def start(self) -> None:
        """Connect. Raises `Unavailable` if no broker answers; call again."""
        try:
            await self._producer.start()
        except KafkaError as error:
            raise Unavailable(f"kafka: {error}") from error

    async def stop(self) -> None:
        """Send what is under way and close."""
        await self._producer.stop()

    async def n_partitions(self, topic: str) -> int:
        """Return how many partitions a topic has. Raises `Unavailable` if it is not there; call again."""
        try:
            return len(await self._producer.partitions_for(topic))
        except KafkaError as error:
            raise Unavailable(f"kafka: {topic}: {error}") from error

    async def publish(self, topic: str, partition: int, records: Sequence[Outgoing]) -> int | None:
        """Append records in order; return the offset behind the last one, or None where the broker does not say.

        Raises `Unavailable` if an acknowledgement does not come: the records may or may not be in the log.
        """
        end: int | None = None
        pending = list(records)[::-1]
        while pending:
            batch = self._producer.create_batch()
            n_records = _fill(batch, pending)
            if n_records == 0:
                raise MessageSizeTooLargeError(f"{topic}: a record of {len(pending[-1].value or b'')} bytes")
            acked = await self._send(batch, topic, partition)
            end = acked.offset + n_records if acked.offset >= 0 else None
        return end

    async def _send(self, batch: Any, topic: str, partition: int) -> Any:
        producer = self._producer
        try:
            producer = await self._sound()
            return await (await producer.send_batch(batch, topic, partition=partition))
        except TopicAuthorizationFailedError:
            raise
        except KafkaError as error:
            self._failed = producer
            raise Unavailable(f"kafka: {topic}/{partition}: {error}") from error

    async def _sound(self) -> AIOKafkaProducer:
        """Return a producer that no batch has failed by, since it was begun anew if one had."""
        async with self._renewing:
            if self._failed is self._producer:
                fresh = self._made()
                try:
                    await fresh.start()
                except KafkaError:
                    await fresh.stop()
                    raise
                self._producer = fresh
                await self._failed.stop()
            return self._producer


def _fill(batch: Any, pending: list[Outgoing]) -> int:
    """Move records from the end of `pending` into the batch until it is full; return how many."""
    n_records = 0
    while pending:
        record = pending[-1]
        if batch.append(key=record.key, value=record.value, timestamp=None, headers=list(record.headers)) is None:
            break
        pending.pop()
        n_records += 1
    batch.close()
    return n_records


class Reader:
    """Reads stretches of partitions, outside of any group; a client for each topic, which remembers who leads it."""

    def __init__(self, settings: DetectSettings) -> None:
        self._settings = settings
        self._consumers: dict[str, AIOKafkaConsumer] = {}
        self._one_at_a_time = asyncio.Lock()

    async def stop(self) -> None:
        """Close."""
        for consumer in self._consumers.values():
            await consumer.stop()

    async def _consumer(self, topic: str) -> AIOKafkaConsumer:
        if topic not in self._consumers:
            consumer = AIOKafkaConsumer(
                **connection(self._settings),
                enable_auto_commit=False,
                auto_offset_reset="none",
                fetch_max_wait_ms=self._settings.fetch_wait_ms,
            )
            await consumer.start()
            self._consumers[topic] = consumer
        return self._consumers[topic]

    async def span(self, topic: str, partition: int) -> tuple[int, int]:
        """Return the first offset that is still in a partition, and the one behind its last record."""
        where = TopicPartition(topic, partition)
        try:
            consumer = await self._consumer(topic)
            first = await consumer.beginning_offsets([where])
            end = await consumer.end_offsets([where])
        except KafkaError as error:
            raise Unavailable(f"kafka: {topic}/{partition}: {error}") from error
        return first[where], end[where]

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[Any]:
        """Yield the records from `start` on, up to but without `end`.

        Raises `Unavailable` when they stop coming; what was yielded until then is good.
        """
        where, position = TopicPartition(topic, partition), start
        async with self._one_at_a_time:
            while position < end:
                try:
                    consumer = await self._consumer(topic)
                    if position == start:
                        consumer.assign([where])
                        consumer.seek(where, start)
                    fetched = await consumer.getmany(where, timeout_ms=READ_BACK_MS, max_records=READ_BACK_RECORDS)
                except KafkaError as error:
                    raise Unavailable(f"kafka: {topic}/{partition} at {position}: {error}") from error
                if not (records := fetched.get(where)):
                    raise Unavailable(f"kafka: {topic}/{partition} at {position}: nothing comes")
                position = records[-1].offset + 1
                for record in records:
                    if record.offset < end:
                        yield record
