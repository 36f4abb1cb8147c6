"""A flood of poison is said, and above a configured share the worker stops for it: saved, and with status 78."""

import time
from collections import Counter
from collections.abc import Callable

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from msgspec import json
from tests.servers.detect import Deployment
from tests.servers.kafka import Kafka

from menshen.contract.topics import ASSESSMENTS, DEAD_LETTERS, EVENTS

PATIENCE_S = 30.0
SMALL = {"dead_letter_window": 100, "dead_letter_alarm_percent": 5}


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def login(number: int) -> bytes:
    now_ms = time.time_ns() // 1_000_000
    ids = {"event_id": f"e{number}", "subject_id": f"s{number % 40}", "session_id": "v", "product_id": "p"}
    said = {"assurance": "authenticated", "outcome": "success", "method": "password"}
    return json.encode({"type": "login", "seq": number, "occurred_ms": now_ms, "received_ms": now_ms} | ids | said)


def send(kafka: Kafka, values: dict[int, bytes]) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "partitioner": "murmur2_random", "acks": "all"})
    for number, value in values.items():
        producer.produce(EVENTS, value, f"s{number % 40}")
    assert producer.flush(PATIENCE_S) == 0


def good(numbers: range) -> dict[int, bytes]:
    return {number: login(number) for number in numbers}


def poison(numbers: range) -> dict[int, bytes]:
    return {number: b"{%d" % number for number in numbers}


def values(kafka: Kafka, topic: str) -> list[bytes]:
    settings = {"bootstrap.servers": kafka.bootstrap_servers, "group.id": "outside", "enable.auto.commit": False}
    consumer, found = Consumer(settings), list[bytes]()
    try:
        partitions = consumer.list_topics(topic, 10).topics[topic].partitions
        ends = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), 10)[1] for p in partitions}
        consumer.assign([TopicPartition(topic, p, 0) for p in partitions])
        while len(found) < sum(ends.values()):
            found += [record.value() for record in consumer.consume(500, 1.0)]
    finally:
        consumer.close()
    return found


def assessed(kafka: Kafka) -> Counter[str]:
    return Counter(json.decode(value)["event_id"] for value in values(kafka, ASSESSMENTS))


@pytest.mark.timeout(120)
def test_above_the_alarm_readyz_is_red_until_good_events_follow(detect: Deployment) -> None:
    worker = detect(**SMALL)
    send(detect.kafka, poison(range(5)))
    until(lambda: len(values(detect.kafka, DEAD_LETTERS)) == 5, "the poison is not in the dead letters")
    assert "dead_letters" not in worker.problems()
    send(detect.kafka, poison(range(5, 6)))
    until(lambda: "dead_letters" in worker.problems(), "an unusual share is not said")
    assert worker.problems()["dead_letters"].startswith("6 of the last 6 records are dead letters, over 5 %")
    assert "menshen_detect_dead_letter_share 0.06" in worker.get("/metrics")
    send(detect.kafka, good(range(600)))
    until(lambda: "dead_letters" not in worker.problems(), "that it is over is not said")
    until(lambda: len(assessed(detect.kafka)) == 600, "good events are missing")
    assert (worker.output().count("an unusual share"), worker.output().count("as usual again")) == (1, 1)
    worker.stop()


@pytest.mark.timeout(120)
def test_above_the_stop_the_worker_saves_leaves_the_group_and_ends_with_78(detect: Deployment) -> None:
    # Nothing but the end saves, and nobody would miss it for half a minute.
    worker = detect(**SMALL, save_interval_ms=60_000, session_timeout_ms=30_000, dead_letter_stop_percent=50)
    send(detect.kafka, good(range(40)))
    until(lambda: len(assessed(detect.kafka)) == 40, "the good events before it are not assessed")
    send(detect.kafka, poison(range(400)))
    assert worker.wait_until_ended(PATIENCE_S) == 78
    assert "refuses to go on" in worker.output()
    assert "menshen dlq list" in worker.output()
    assert "MENSHEN_DEAD_LETTER_STOP_PERCENT=100" in worker.output()
    send(detect.kafka, good(range(40, 80)))
    began_s = time.monotonic()
    patient = detect(ready=False, **SMALL, dead_letter_stop_percent=100)
    until(lambda: len(assessed(detect.kafka)) == 80, "the good events behind the flood are not assessed")
    assert time.monotonic() - began_s < 20, "the worker that stopped has not left the group"
    assert set(assessed(detect.kafka).values()) == {1}, "what was judged before the stop was judged again"
    assert Counter(values(detect.kafka, DEAD_LETTERS)) == Counter(poison(range(400)).values())
    patient.stop()


@pytest.mark.timeout(120)
def test_at_one_hundred_per_cent_no_flood_stops_a_worker(detect: Deployment) -> None:
    worker = detect(**SMALL, dead_letter_stop_percent=100)
    send(detect.kafka, poison(range(400)))
    until(lambda: len(values(detect.kafka, DEAD_LETTERS)) == 400, "the poison is not in the dead letters")
    send(detect.kafka, good(range(20)))
    until(lambda: len(assessed(detect.kafka)) == 20, "good events are missing")
    assert worker.problems().keys() - {"model"} == {"dead_letters"}
    worker.stop()
