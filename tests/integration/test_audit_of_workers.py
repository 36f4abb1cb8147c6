"""A real worker audits what it saves: nothing amiss while all is well, and a state that somebody changed is named."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import redis
from confluent_kafka import Producer
from msgspec import json
from tests.servers.detect import Deployment, Worker
from tests.servers.kafka import Kafka

from menshen.contract.topics import EVENTS
from menshen.fraud.subject import NOBODY, pack

PATIENCE_S = 60.0
SUBJECTS = 3


def test_a_state_that_somebody_changed_is_named(fresh_topics: Kafka, redis_url: str, detect: Deployment) -> None:
    worker = detect(audit_interval_ms=10)
    with events_flowing(fresh_topics):
        until(worker, "audited_subjects_total", at_least=3)
        assert value_of(worker, "audit_differences_total") == 0
        # Again and again: a worker that has opened a subject meanwhile saves over what was changed.
        change = partial(change_every_subject, redis_url, detect.tenant)
        until(worker, "audit_differences_total", at_least=1, meanwhile=change)
    assert "the state differs from the log" in worker.output()


@contextmanager
def events_flowing(kafka: Kafka) -> Iterator[None]:
    """Let customers log in, over and over, until the context ends."""
    stop = threading.Event()

    def flow() -> None:
        producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "partitioner": "murmur2_random"})
        number = 0
        while not stop.wait(0.05):
            for _ in range(50):
                number += 1
                producer.produce(EVENTS, json.encode(login(number)), f"s{number % SUBJECTS}")
            producer.poll(0)
        producer.flush(10)

    flowing = threading.Thread(target=flow)
    flowing.start()
    try:
        yield
    finally:
        stop.set()
        flowing.join()


def login(number: int) -> dict[str, object]:
    now_ms = time.time_ns() // 1_000_000
    ids = {"event_id": f"e{number}", "subject_id": f"s{number % SUBJECTS}", "session_id": "v", "product_id": "p"}
    said = {"assurance": "authenticated", "outcome": "success", "method": "password", "device_id": f"d{number % 7}"}
    return {"type": "login", "seq": number, "occurred_ms": now_ms, "received_ms": now_ms} | ids | said


def change_every_subject(redis_url: str, tenant: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        for name in client.scan_iter(f"{{{tenant}:*}}:s:*"):
            client.set(name, pack(NOBODY))


def until(worker: Worker, metric: str, *, at_least: float, meanwhile: Callable[[], None] = lambda: None) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while value_of(worker, metric) < at_least:
        assert time.monotonic() < deadline, f"{metric} stays at {value_of(worker, metric)}"
        meanwhile()
        time.sleep(0.2)


def value_of(worker: Worker, metric: str) -> float:
    found = re.search(rf"^menshen_detect_{metric} (\S+)", worker.get("/metrics"), re.MULTILINE)
    assert found, metric
    return float(found[1])
