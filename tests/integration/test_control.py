"""The control topic: what it holds is in force at every start, before the first event; a bad policy changes nothing."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from msgspec import json
from tests.servers.detect import Deployment, Worker
from tests.servers.kafka import Kafka

from menshen.contract.topics import CONTROL, EVENTS, VERDICTS
from menshen.detect.control import POLICY_KEY

SHIPPED = (Path(__file__).parents[2] / "deploy" / "policy" / "default.toml").read_text()
PATIENCE_S = 30.0


class Outside:
    """Writes policies and questions, and reads by which policy each was answered."""

    def __init__(self, kafka: Kafka) -> None:
        self._producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "partitioner": "murmur2_random"})
        self._consumer = Consumer({"bootstrap.servers": kafka.bootstrap_servers, "group.id": "outside"})
        partitions = self._consumer.list_topics(VERDICTS, 10).topics[VERDICTS].partitions
        self._consumer.assign([TopicPartition(VERDICTS, partition, 0) for partition in partitions])
        self._n_asked = 0

    def close(self) -> None:
        self._consumer.close()

    def demand(self, version: str, text: str = SHIPPED) -> None:
        """Put a policy into force."""
        self._send(CONTROL, POLICY_KEY, text.replace('version = "default-1"', f'version = "{version}"').encode())

    def ask(self) -> str:
        """Send a login, and return its event id."""
        self._n_asked += 1
        self._send(EVENTS, b"s", json.encode(login(self._n_asked)))
        return f"e{self._n_asked}"

    def answered_by(self, event_id: str) -> str:
        """Return the version of the policy that an event was judged by."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for record in self._consumer.consume(100, 0.2):
                verdict = json.decode(record.value())
                if verdict["event_id"] == event_id:
                    return str(verdict["versions"]["policy"])
        raise AssertionError(f"{event_id} is not answered")

    def _send(self, topic: str, key: bytes, value: bytes) -> None:
        self._producer.produce(topic, value, key)
        assert self._producer.flush(10) == 0


def login(number: int) -> dict[str, object]:
    now_ms = time.time_ns() // 1_000_000
    ids = {"event_id": f"e{number}", "subject_id": "s", "session_id": "v", "product_id": "p"}
    said = {"assurance": "authenticated", "outcome": "success", "method": "password", "device_id": "d"}
    return {"type": "login", "seq": number, "occurred_ms": now_ms, "received_ms": now_ms} | ids | said


def until_logged(worker: Worker, words: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while words not in worker.output():
        assert time.monotonic() < deadline, f"not logged: {words}"
        time.sleep(0.1)


@pytest.fixture
def outside(fresh_topics: Kafka) -> Iterator[Outside]:
    there = Outside(fresh_topics)
    yield there
    there.close()


def test_what_the_topic_holds_is_in_force_for_the_first_event_after_every_start(
    detect: Deployment, outside: Outside
) -> None:
    outside.demand("older")
    outside.demand("newer")
    for _ in range(2):
        waiting = outside.ask()
        # By one name: what its group has read before a restart, it is not given again.
        worker = detect(instance_id="one")
        assert outside.answered_by(waiting) == "newer"
        worker.stop()


def test_a_policy_comes_into_force_while_a_worker_runs_and_a_bad_one_does_not(
    detect: Deployment, outside: Outside
) -> None:
    worker = detect()
    assert outside.answered_by(outside.ask()) == "default-1"
    outside.demand("next")
    until_logged(worker, '"version": "next"')
    assert outside.answered_by(outside.ask()) == "next"
    outside.demand("bad", SHIPPED.replace("NEW_DEVICE = 320", "NEW_DEVICE = -1"))
    until_logged(worker, "policy refused")
    assert outside.answered_by(outside.ask()) == "next"
    assert "menshen_detect_policy_refusals_total 1.0" in worker.get("/metrics")
