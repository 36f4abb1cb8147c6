"""Events and verdicts to send, and what then lies in a topic, for the tests of the clients and of their commands."""

from collections.abc import Iterable
from typing import Any

import msgspec
from confluent_kafka import Producer
from kafka import KafkaConsumer, TopicPartition
from tests.servers.kafka import Kafka

from menshen.contract.events import Login
from menshen.contract.signature import TrustedKeys
from menshen.contract.verdict import Verdict
from menshen.shell.signing import Signer, new_key_pair

N_PARTITIONS = 6
PRIVATE, PUBLIC = new_key_pair()
SIGNER, KEYS = Signer(PRIVATE), TrustedKeys.from_pem(PUBLIC)
ENVELOPE: dict[str, Any] = {
    "session_id": "visit",
    "seq": 0,
    "occurred_ms": 1,
    "received_ms": 1,
    "assurance": "authenticated",
    "product_id": "loan",
}


def login(number: int, **said: Any) -> Login:
    ids = {"event_id": f"event-{number}", "subject_id": f"subject-{number}"}
    return Login(**ENVELOPE | ids | {"outcome": "success", "method": "otp"} | said)


def verdict(name: str, **said: Any) -> Verdict:
    told = {"verdict_id": name, "kind": "gate", "application_id": "a", "event_id": "e", "subject_id": "s"}
    ends = {"session_id": "v", "decision": "allow", "score": 0, "decided_ms": 0, "expires_ms": 1}
    return Verdict(**told | ends | said)


def publish(
    kafka: Kafka, topic: str, records: Iterable[tuple[bytes | None, list[tuple[str, Any]]]], partition: int = -1
) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "partitioner": "murmur2_random"})
    for value, headers in records:
        producer.produce(topic, value, b"s", partition, headers=headers)
    assert producer.flush(10) == 0


def signed(*verdicts: Verdict) -> list[tuple[bytes, list[tuple[str, bytes]]]]:
    values = [msgspec.json.encode(verdict) for verdict in verdicts]
    return [(value, SIGNER.headers(value)) for value in values]


def stored(kafka: Kafka, topic: str) -> list[Any]:
    where = [TopicPartition(topic, number) for number in range(N_PARTITIONS)]
    consumer = KafkaConsumer(
        bootstrap_servers=kafka.bootstrap_servers, api_version=(2, 1), auto_offset_reset="earliest"
    )
    consumer.assign(where)
    n_records, found = sum(consumer.end_offsets(where).values()), list[Any]()
    while len(found) < n_records:
        found += [record for records in consumer.poll(500).values() for record in records]
    consumer.close()
    return found
