"""The limit of the parts: the same clients as the product's, with next to no work between them.

`--state` decodes each event too, and reads and writes the subjects' states, batch by batch.
"""

import argparse
import asyncio
from typing import Any

import redis.asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from tests.bench.contestants.asked import asked

from menshen.contract.decoding import decode_event

BATCH = 256


async def run(given: argparse.Namespace) -> None:
    """Consume and produce until the process is ended."""
    store = redis.asyncio.Redis.from_url(given.redis)
    where_to_begin = "latest" if given.latest else "earliest"
    consumer = AIOKafkaConsumer(
        given.events,
        bootstrap_servers=given.kafka,
        auto_offset_reset=where_to_begin,
        enable_auto_commit=False,
        fetch_max_wait_ms=5,
        check_crcs=False,
    )
    producer = AIOKafkaProducer(bootstrap_servers=given.kafka, acks="all", enable_idempotence=True)
    await consumer.start()
    await producer.start()
    while True:
        for where, records in (await consumer.getmany(timeout_ms=100, max_records=BATCH)).items():
            if given.state:
                await _states(store, records)
            await _produce(producer, given.out, where.partition, records)


async def _states(store: Any, records: list[Any]) -> None:
    names = list({f"s:{decode_event(record.value).subject_id}" for record in records})
    blobs = await store.mget(names)
    await store.mset({name: blob for name, blob in zip(names, blobs, strict=True) if blob is not None})


async def _produce(producer: Any, topic: str, partition: int, records: list[Any]) -> None:
    batch, acks = producer.create_batch(), []
    for record in records:
        if batch.append(key=record.key, value=record.value, timestamp=None) is None:
            acks.append(await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            batch.append(key=record.key, value=record.value, timestamp=None)
    acks.append(await producer.send_batch(batch, topic, partition=partition))
    await asyncio.gather(*acks)


if __name__ == "__main__":
    options = asked(__doc__)
    options.add_argument("--state", action="store_true", help="decode, and read and write the subjects' states")
    asyncio.run(run(options.parse_args()))
