"""Writes a stream of good and broken records with a bare client, and a manifest of what must become of each.

It knows the wire contract and nothing of the program behind it.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import SystemRandom

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from tests.outside.manifest import ASSESSMENTS, DEAD_LETTERS, EVENTS, VERDICTS, Manifest, Sent
from tests.outside.plan import drafts
from tests.outside.records import Draft

ANSWER_S = 10.0
MAX_BATCH_BYTES = 1_048_588
Progress = Callable[[str], None]


class Rejected(Exception):
    """The broker did not take a record, or put it elsewhere than its key says."""


def generate(
    bootstrap: str,
    *,
    n_records: int = 20_000,
    seed: int | None = None,
    started_ms: int | None = None,
    rate: float | None = None,
    compression: str = "none",
    progress: Progress = lambda _: None,
) -> Manifest:
    """Write the records and return their manifest, once the broker has acknowledged each.

    `seed` and `started_ms` (the clock of the first visit) fix every byte; by default they are new for each run, since
    events that were sent before are known. `rate` bounds the records a second, `compression` is
    the codec of the batches.
    """
    seed = SystemRandom().randrange(2**32) if seed is None else seed
    started_ms = time.time_ns() // 1_000_000 if started_ms is None else started_ms
    before = {topic: ends(bootstrap, topic) for topic in (ASSESSMENTS, VERDICTS, DEAD_LETTERS)}
    records = _paced(drafts(n_records, seed, started_ms), rate)
    sent = _send(bare_producer(bootstrap, compression), records, len(ends(bootstrap, EVENTS)), progress)
    return Manifest(seed=seed, started_ms=started_ms, before=before, sent=sent)


def ends(bootstrap: str, topic: str) -> list[int]:
    """Return the offset behind the last record of each partition."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "outside"})
    try:
        partitions = sorted(consumer.list_topics(topic, ANSWER_S).topics[topic].partitions)
        return [consumer.get_watermark_offsets(TopicPartition(topic, p), ANSWER_S)[1] for p in partitions]
    finally:
        consumer.close()


def _paced(records: Iterable[Draft], rate: float | None) -> Iterator[Draft]:
    started_s = time.monotonic()
    for number, draft in enumerate(records):
        if rate and (ahead_s := number / rate - (time.monotonic() - started_s)) > 0:
            time.sleep(ahead_s)
        yield draft


def bare_producer(bootstrap: str, compression: str = "none", max_bytes: int = MAX_BATCH_BYTES) -> Producer:
    """Return a client that partitions as Kafka's own do."""
    return Producer(
        {
            "bootstrap.servers": bootstrap,
            "partitioner": "murmur2_random",
            "enable.idempotence": True,
            "message.max.bytes": max_bytes,
            "linger.ms": 5,
            "compression.type": compression,
        }
    )


def _send(producer: Producer, records: Iterable[Draft], n_partitions: int, progress: Progress) -> list[Sent]:
    where: dict[int, tuple[int, int]] = {}
    sending: list[Draft] = []
    for number, draft in enumerate(records, start=1):
        sending.append(draft)
        _produce(producer, draft, n_partitions, _noting(where, number - 1))
        if number % 2000 == 0:
            progress(f"{number} records")
    producer.flush()
    if len(where) < len(sending):
        raise Rejected(f"{len(sending) - len(where)} of {len(sending)} records were not acknowledged")
    return [_checked(draft, n_partitions, *where[i]) for i, draft in enumerate(sending)]


def _produce(producer: Producer, draft: Draft, n_partitions: int, noted: Callable[..., None]) -> None:
    forced = {"partition": (partition_of(draft.key or b"", n_partitions) + draft.beside) % n_partitions}
    while True:
        try:
            producer.produce(
                EVENTS,
                value=draft.value,
                key=draft.key,
                headers=list(draft.headers),
                on_delivery=noted,
                **(forced if draft.beside else {}),
            )
            break
        except BufferError:
            producer.poll(0.1)
    producer.poll(0)


def _noting(where: dict[int, tuple[int, int]], number: int) -> Callable[[KafkaError | None, Message], None]:
    def noted(error: KafkaError | None, message: Message) -> None:
        if error is None:
            where[number] = message.partition(), message.offset()

    return noted


def _checked(draft: Draft, n_partitions: int, partition: int, offset: int) -> Sent:
    """Hold the client to Kafka's partitioner: where it scatters a subject's events, nothing said here is true."""
    if draft.key and not draft.beside and partition != partition_of(draft.key, n_partitions):
        raise Rejected(f"the key {draft.key!r} went to partition {partition}: the client does not use murmur2")
    return draft.sent_to(partition, offset)


def partition_of(key: bytes, n_partitions: int) -> int:
    """Return the partition on which Kafka's own clients put a key (MurmurHash2, seed 0x9747b28c)."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = 0x9747B28C ^ len(key)
    for i in range(0, len(key) - 3, 4):
        k = int.from_bytes(key[i : i + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = h * m & mask ^ k
    if rest := key[len(key) & ~3 :]:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return ((h ^ h >> 15) & 0x7FFFFFFF) % n_partitions


def main() -> None:
    """Write the records and the manifest, from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.outside.generator", description=__doc__)
    parser.add_argument("--bootstrap", required=True, help="addresses of the brokers")
    parser.add_argument("--manifest", required=True, type=Path, help="where to write what was sent")
    parser.add_argument("--records", type=int, default=20_000, help="how many (default %(default)s)")
    parser.add_argument("--seed", type=int, help="what the records are drawn from (default: a new one)")
    parser.add_argument("--started-ms", type=int, help="clock of the first visit, ms since 1970 (default: now)")
    parser.add_argument("--rate", type=float, help="at most so many records a second (default: as fast as it goes)")
    parser.add_argument("--compression", default="none", help="codec: none, gzip, lz4, snappy, zstd")
    given = parser.parse_args()
    manifest = generate(
        given.bootstrap,
        n_records=given.records,
        seed=given.seed,
        started_ms=given.started_ms,
        rate=given.rate,
        compression=given.compression,
        progress=lambda said: print(said, file=sys.stderr),
    )
    manifest.write(given.manifest)
    print(f"{len(manifest.sent)} records sent, seed {manifest.seed}; manifest {given.manifest}")


if __name__ == "__main__":
    main()
