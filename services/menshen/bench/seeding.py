"""Puts a load where a worker finds it: everybody's past into Redis, their events into the log."""

import contextlib
import itertools
import time
from collections.abc import Callable

import redis
from confluent_kafka import Producer

from menshen.bench.crowd import Crowd
from menshen.bench.mix import events
from menshen.contract.routing import partition_of
from menshen.contract.topics import EVENTS
from menshen.shell.redis.pseudonyms import Pseudonyms

AT_ONCE = 1_000
PRODUCER = {"partitioner": "murmur2_random", "linger.ms": 5, "queue.buffering.max.messages": 500_000}
FLUSH_S = 120.0


def worker_keys(pepper: str, tenant: str, n_partitions: int) -> Callable[[bytes], bytes]:
    """Return where `menshen detect` keeps the state of a subject."""
    hashes = Pseudonyms(pepper, tenant)

    def key(subject: bytes) -> bytes:
        partition, digest = partition_of(subject, n_partitions), hashes.of("subject", subject.decode())
        return b"{%s:%d}:s:%s" % (tenant.encode(), partition, digest.hex().encode())

    return key


def seed(redis_url: str, crowd: Crowd, key: Callable[[bytes], bytes]) -> None:
    """Write everybody's state, as their past has left it."""
    with contextlib.closing(redis.Redis.from_url(redis_url)) as client:
        everybody = crowd.everybody()
        while some := {key(who.subject): who.blob for who in itertools.islice(everybody, AT_ONCE)}:
            client.mset(some)


def fill(bootstrap: str, crowd: Crowd, n_events: int, *, seed: int) -> None:
    """Append events as fast as the broker takes them. Raises `TimeoutError` if it does not."""
    producer = Producer({"bootstrap.servers": bootstrap, **PRODUCER})
    for due in itertools.islice(events(crowd, seed=seed), n_events):
        while True:
            with contextlib.suppress(BufferError):
                producer.produce(EVENTS, due.value(time.time_ns() // 1_000_000), due.customer.subject)
                break
            producer.poll(0.1)
    if producer.flush(FLUSH_S):
        raise TimeoutError("the broker does not take the events")
