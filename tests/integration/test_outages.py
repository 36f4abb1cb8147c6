"""A part that is not there is waited for: /readyz says so, nothing is lost, and nothing is judged twice."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import which

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.cimpl import TopicPartition
from msgspec import json
from redis import Redis
from tests.chaos.around.proxy import BLACK_HOLE, Proxy
from tests.servers.detect import Deployment, Worker
from tests.servers.kafka import Kafka
from tests.servers.kafka import run_jars as run_kafka
from tests.servers.sources import real_is_required
from tests.servers.topics import create_topics

from menshen.contract.topics import ASSESSMENTS, EVENTS
from menshen.shell.embedded.servers import HOST, EmbeddedValkey, free_port

PATIENCE_S = 60.0
N_EVENTS = 300


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def login(number: int) -> dict[str, object]:
    now_ms = time.time_ns() // 1_000_000
    ids = {"event_id": f"e{number}", "subject_id": f"s{number % 40}", "session_id": "v", "product_id": "p"}
    said = {"assurance": "authenticated", "outcome": "success", "method": "password", "device_id": f"d{number % 7}"}
    return {"type": "login", "seq": number, "occurred_ms": now_ms, "received_ms": now_ms} | ids | said


def send(kafka: Kafka, numbers: range) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "partitioner": "murmur2_random", "acks": "all"})
    for number in numbers:
        event = login(number)
        producer.produce(EVENTS, json.encode(event), str(event["subject_id"]))
    assert producer.flush(PATIENCE_S) == 0


def assessed(kafka: Kafka) -> list[str]:
    """Return the ids of all assessed events, as often as they stand in the log."""
    settings = {"bootstrap.servers": kafka.bootstrap_servers, "group.id": "outside", "enable.auto.commit": False}
    consumer, found = Consumer(settings), list[str]()
    try:
        partitions = consumer.list_topics(ASSESSMENTS, 10).topics[ASSESSMENTS].partitions
        ends = {p: consumer.get_watermark_offsets(TopicPartition(ASSESSMENTS, p), 10)[1] for p in partitions}
        consumer.assign([TopicPartition(ASSESSMENTS, p, 0) for p in partitions])
        while len(found) < sum(ends.values()):
            found += [json.decode(record.value())["event_id"] for record in consumer.consume(500, 1.0)]
    finally:
        consumer.close()
    return found


def assert_all_are_assessed_once(kafka: Kafka) -> None:
    until(lambda: len(set(assessed(kafka))) >= N_EVENTS, "events are missing")
    found = assessed(kafka)
    assert len(found) == len(set(found)) == N_EVENTS


@contextmanager
def kafka_on(port: int, folder: Path, behind: tuple[int, int] | None = None) -> Iterator[Kafka]:
    if not (real_is_required() or (which("java") and which("mvn"))):
        pytest.skip("needs a broker of its own: apt-get install openjdk-17-jre-headless maven")
    with run_kafka(port, folder, behind=behind) as kafka:
        yield kafka


def test_a_worker_waits_for_a_kafka_that_is_not_there_yet_and_for_one_that_goes_away(
    redis_url: str, tenant: str, tmp_path: Path
) -> None:
    port = free_port()
    absent = Kafka(kind="not there yet", bootstrap_servers=f"{HOST}:{port}")
    with Deployment(absent, redis_url, tenant, tmp_path) as detect:
        worker = detect(ready=False)
        until(lambda: "kafka" in worker.problems(), "an absent Kafka is not said")
        assert json.decode(worker.get("/livez")) == {"live": True}
        with kafka_on(port, tmp_path / "kafka") as kafka:
            create_topics(kafka)
            worker.wait_until_ready()
            send(kafka, range(100))
            until(lambda: len(assessed(kafka)) == 100, "the first events are not assessed")
        until(lambda: "kafka" in worker.problems(), "a Kafka that went away is not said")
        with kafka_on(port, tmp_path / "kafka") as kafka:
            send(kafka, range(100, N_EVENTS))
            assert_all_are_assessed_once(kafka)
            worker.wait_until_ready()
            worker.stop()


def test_a_worker_waits_for_a_redis_that_is_not_there_yet_and_for_one_that_goes_away(
    fresh_topics: Kafka, tenant: str, tmp_path: Path
) -> None:
    port, folder = free_port(), tmp_path / "valkey"
    with Deployment(fresh_topics, f"redis://{HOST}:{port}/0", tenant, tmp_path) as detect:
        worker = detect(ready=False, save_interval_ms=50)
        send(fresh_topics, range(100))
        until(lambda: _says(worker, "redis"), "an absent Redis is not said")
        with EmbeddedValkey(folder, port=port):
            worker.wait_until_ready()
            until(lambda: len(assessed(fresh_topics)) == 100, "the first events are not assessed")
        send(fresh_topics, range(100, 200))
        until(lambda: _says(worker, "redis"), "a Redis that went away is not said")
        with EmbeddedValkey(folder, port=port):
            send(fresh_topics, range(200, N_EVENTS))
            assert_all_are_assessed_once(fresh_topics)
            worker.wait_until_ready()
            worker.stop()


def test_a_redis_that_comes_back_empty_is_filled_again_from_the_log(
    fresh_topics: Kafka, tenant: str, tmp_path: Path
) -> None:
    port = free_port()
    with Deployment(fresh_topics, f"redis://{HOST}:{port}/0", tenant, tmp_path) as detect:
        with EmbeddedValkey(port=port):
            worker = detect(save_interval_ms=50)
            send(fresh_topics, range(200))
            until(lambda: len(assessed(fresh_topics)) == 200, "the first events are not assessed")
        with EmbeddedValkey(port=port):
            send(fresh_topics, range(150, N_EVENTS))
            assert_all_are_assessed_once(fresh_topics)
            worker.stop()


def test_a_worker_that_is_asked_to_end_while_kafka_is_silent_has_saved_all_and_ends_in_time(
    redis_url: str, tenant: str, tmp_path: Path
) -> None:
    inner = free_port()
    with Proxy(free_port(), inner) as proxy, kafka_on(free_port(), tmp_path, behind=(inner, proxy.port)) as kafka:
        create_topics(kafka)
        behind = replace(kafka, bootstrap_servers=f"{HOST}:{proxy.port}")
        with Deployment(behind, redis_url, tenant, tmp_path) as detect:
            # All that it judges is saved when it ends, and not before.
            worker = detect(save_interval_ms=60_000)
            send(kafka, range(100))
            until(lambda: len(assessed(kafka)) == 100, "the events are not assessed")
            with proxy.suffering(BLACK_HOLE):
                worker.stop()
    with closing(Redis.from_url(redis_url)) as redis:
        marks = [int(redis.hget(slot, "mark") or -1) for slot in redis.scan_iter(f"{{{tenant}:*}}:slot")]
    assert sum(mark + 1 for mark in marks) == 100


def _says(worker: Worker, part: str) -> bool:
    return part in worker.problems()
