"""Producer and consumer on a real broker: nothing lost, nothing forged let through."""

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka.admin import AdminClient, NewPartitions
from tests.integration.records import (
    ENVELOPE,
    KEYS,
    N_PARTITIONS,
    PUBLIC,
    login,
    publish,
    signed,
    stored,
    verdict,
)
from tests.servers.kafka import Kafka

from menshen.client import EventProducer, NotSent, Rejection, Undecodable, Unreachable, VerdictConsumer
from menshen.commands.records.emit import Emission
from menshen.contract.decoding import MAX_BYTES, encode_event
from menshen.contract.events import Pointer
from menshen.contract.routing import partition_of
from menshen.kafka_clients import consumer as verdict_consumer
from menshen.kafka_clients.broker import ANY_BROKER
from menshen.kafka_clients.member import GroupMember
from menshen.shell.embedded.servers import EmbeddedBroker
from menshen.shell.kafka.kafka_python import hush_kafka_python
from menshen.shell.signing import Signer, new_key_pair


@pytest.fixture
def topic(kafka: Kafka, tenant: str) -> str:
    kafka.create_topic(tenant, N_PARTITIONS)
    return tenant


@pytest.fixture
def litter() -> Iterator[None]:
    """kafka-python leaves the sockets of refused connections to the garbage collector: it runs before the next test."""
    hush_kafka_python()  # pytest keeps what is logged, and a logged connection keeps its socket
    yield
    gc.collect()


def reading(kafka: Kafka, topic: str, **options: Any) -> VerdictConsumer:
    options = {"keys": KEYS, "timeout_s": 5.0, "group_id": f"{topic}-group"} | options
    return VerdictConsumer(kafka.bootstrap_servers, topic=topic, **options)


# Events


def test_two_hundred_subjects_lie_where_the_contract_says(kafka: Kafka, topic: str) -> None:
    with EventProducer(kafka.bootstrap_servers, topic=topic) as producer:
        receipts = [producer.send(login(number)) for number in range(200)]
        places = [receipt.wait(10) for receipt in receipts]
    assert [place.partition for place in places] == [
        partition_of(f"subject-{number}".encode(), N_PARTITIONS) for number in range(200)
    ]
    records = {(record.partition, record.offset): record for record in stored(kafka, topic)}
    for number, place in enumerate(places):
        assert records[place].key == f"subject-{number}".encode()
        assert records[place].value == encode_event(login(number))
    assert len(records) == 200


def test_json_goes_out_exactly_as_it_was_given(kafka: Kafka, topic: str) -> None:
    given = encode_event(login(1)).replace(b":", b" : ").replace(b"{", b'{ "from_a_newer_release": true, ')
    with EventProducer(kafka.bootstrap_servers, topic=topic) as producer:
        producer.send(given)
    assert [record.value for record in stored(kafka, topic)] == [given]


def test_what_detect_would_refuse_is_refused_before_it_is_sent(kafka: Kafka, topic: str) -> None:
    column = [1234] * 1024
    large = Pointer(
        **ENVELOPE, event_id="e", subject_id="s", kind="touch", starts=[0], t_ms=column, x_px=column, y_px=column
    )
    with EventProducer(kafka.bootstrap_servers, topic=topic) as producer:
        assert len(encode_event(large)) < MAX_BYTES
        producer.send(large)
        for refused, why in (
            (encode_event(login(1)) + b" " * MAX_BYTES, "OVERSIZED"),
            (login(1, product_id="a name with spaces"), "INVALID"),
            (login(1, subject_id="\ud800"), "INVALID"),
            (b'{"type": "nothing"}', "UNKNOWN_TYPE"),
            (b"", "MALFORMED"),
        ):
            with pytest.raises(Undecodable, match=why):
                producer.send(refused)
    assert len(stored(kafka, topic)) == 1


def test_a_topic_that_is_not_there_is_named_at_once(kafka: Kafka) -> None:
    for make in (EventProducer, lambda *at, **of: VerdictConsumer(*at, **of, group_id="g", keys=KEYS)):
        with pytest.raises(Unreachable, match=r"shows no topic menshen\.absent"):
            make(kafka.bootstrap_servers, topic="menshen.absent")


def test_what_makes_a_producer_safe_cannot_be_turned_off(kafka: Kafka, topic: str) -> None:
    for unsafe in ({"acks": 1}, {"enable_idempotence": False}):
        with pytest.raises(TypeError, match="multiple values"):
            EventProducer(kafka.bootstrap_servers, topic=topic, **unsafe)


@pytest.mark.usefixtures("litter")
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_an_event_that_kafka_did_not_take_is_told_exactly_once(tenant: str) -> None:
    briefly = {"request_timeout_ms": 500, "delivery_timeout_ms": 1_000}
    with EmbeddedBroker({tenant: 1}) as broker:
        producer = EventProducer(broker.bootstrap_servers, topic=tenant, **briefly)
        producer.send(login(0)).wait(10)
    waited_for, forgotten = producer.send(login(1)), producer.send(login(2))
    with pytest.raises(NotSent) as told:
        waited_for.wait()
    assert told.value.event_ids == ("event-1",)
    with pytest.raises(NotSent) as told:
        producer.flush()
    assert told.value.event_ids == (forgotten.event_id,)
    producer.close()


@pytest.mark.usefixtures("litter")
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_when_kafka_goes_away_emit_knows_the_first_line_that_may_be_missing(tenant: str) -> None:
    briefly = {"request_timeout_ms": 500, "delivery_timeout_ms": 1_000}
    with EmbeddedBroker({tenant: 1}) as broker:
        producer = EventProducer(broker.bootstrap_servers, topic=tenant, **briefly)
        emission = Emission(producer, raw=False)
        emission.send(1, encode_event(login(1)))
        emission.settle()
    emission.send(2, encode_event(login(2)))
    emission.send(3, encode_event(login(3)))
    with pytest.raises(NotSent):
        emission.settle()
    assert (emission.n_sent, emission.first_unsure, emission.n_unsure) == (1, 2, 2)
    with pytest.raises(NotSent):
        producer.close()


# Verdicts


def test_a_verdict_that_comes_twice_is_handed_out_once_and_the_first_counts(kafka: Kafka, topic: str) -> None:
    publish(kafka, topic, signed(verdict("one"), verdict("two"), verdict("one", decision="block")))
    with reading(kafka, topic) as consumer:
        assert [(v.verdict_id, v.decision) for v in consumer] == [("one", "allow"), ("two", "allow")]
        assert (consumer.n_duplicates, consumer.rejected) == (1, {})


def test_forged_unsigned_and_unreadable_records_are_counted_and_never_handed_out(kafka: Kafka, topic: str) -> None:
    stranger = Signer(new_key_pair()[0])
    ((good, headers),) = signed(verdict("good"))
    nameless = msgspec.json.encode(verdict("gate", application_id=None))
    forgeries: list[tuple[bytes | None, list[tuple[str, Any]]]] = [
        (good.replace(b'"allow"', b'"block"'), headers),
        (good, stranger.headers(good)),
        (good, []),
        (good, [("key_id", None), ("signature", None)]),
        (nameless, []),
        (b"\xff", headers),
        (b"{}", headers),
        (None, headers),
    ]
    publish(kafka, topic, [*forgeries, (good, headers)])
    with reading(kafka, topic) as consumer:
        assert [v.verdict_id for v in consumer] == ["good"]
        assert consumer.rejected == {Rejection.BAD_SIGNATURE: 2, Rejection.UNSIGNED: 3, Rejection.UNDECODABLE: 3}
        assert consumer.n_duplicates == 0


def test_the_answer_to_a_login_needs_no_signature(kafka: Kafka, topic: str) -> None:
    answer = verdict("login", kind="login", application_id=None)
    publish(kafka, topic, [(msgspec.json.encode(answer), [])])
    with reading(kafka, topic) as consumer:
        assert list(consumer) == [answer]


def test_a_group_goes_on_behind_what_it_was_done_with(kafka: Kafka, topic: str) -> None:
    publish(kafka, topic, signed(*(verdict(f"v{number}") for number in range(6))))
    with reading(kafka, topic) as consumer:
        assert [next(consumer).verdict_id for _ in range(3)] == ["v0", "v1", "v2"]
    with reading(kafka, topic, timeout_s=10.0) as consumer:
        assert next(consumer).verdict_id == "v2", "v2 was in hand and not acknowledged"
        assert next(consumer).verdict_id == "v3"
        consumer.acknowledge()
    with reading(kafka, topic, timeout_s=10.0) as consumer:
        assert [v.verdict_id for v in consumer] == ["v4", "v5"]
    publish(kafka, topic, signed(verdict("v6")))
    with reading(kafka, topic, timeout_s=10.0) as consumer:
        assert next(consumer).verdict_id == "v6"


def test_an_error_in_the_callers_hands_brings_the_verdict_back(kafka: Kafka, topic: str) -> None:
    publish(kafka, topic, signed(verdict("v0"), verdict("v1")))
    with pytest.raises(ZeroDivisionError), reading(kafka, topic) as consumer:
        for v in consumer:
            if v.verdict_id == "v1":
                raise ZeroDivisionError
    with reading(kafka, topic, timeout_s=10.0) as consumer:
        assert next(consumer).verdict_id == "v1"


def test_a_member_knows_the_partitions_before_it_joins(kafka: Kafka, topic: str) -> None:
    member: Any
    with GroupMember(topic, group_id=topic, bootstrap_servers=kafka.bootstrap_servers, **ANY_BROKER) as member:
        assert member._cluster.partitions_for_topic(topic) == set(range(N_PARTITIONS))  # asking aloud would fetch them


def test_a_poll_that_ends_within_a_join_does_not_end_the_reading(
    kafka: Kafka, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not kafka.real:
        pytest.skip("no real Kafka here, and the stand-in's topics do not grow")
    monkeypatch.setattr(verdict_consumer, "_POLL_MS", 1)  # so that one is over between a join's two answers
    kafka.create_topic(tenant, 1)
    publish(kafka, tenant, signed(verdict("v0")))
    with reading(kafka, tenant, timeout_s=60.0, metadata_max_age_ms=200) as consumer:
        assert next(consumer).verdict_id == "v0"
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers, "log_level": 0})
        admin.create_partitions([NewPartitions(tenant, 2)])[tenant].result(10)
        publish(kafka, tenant, signed(verdict("v1")), partition=1)
        assert next(consumer).verdict_id == "v1"


def test_keys_are_read_from_the_file_that_keys_new_writes(kafka: Kafka, topic: str, tmp_path: Path) -> None:
    (tmp_path / "signing.pub").write_text(PUBLIC)
    publish(kafka, topic, signed(verdict("one")))
    with reading(kafka, topic, keys=str(tmp_path / "signing.pub")) as consumer:
        assert next(consumer).verdict_id == "one"


def test_the_embedded_broker_needs_no_other_options(tenant: str) -> None:
    with EmbeddedBroker({tenant: N_PARTITIONS, f"{tenant}.v": 1}) as broker:
        with EventProducer(broker.bootstrap_servers, topic=tenant) as producer:
            assert producer.send(login(1)).wait(10).partition == partition_of(b"subject-1", N_PARTITIONS)
        stand_in = Kafka(kind="embedded", bootstrap_servers=broker.bootstrap_servers)
        publish(stand_in, f"{tenant}.v", signed(verdict("one")))
        with reading(stand_in, f"{tenant}.v", timeout_s=60.0) as consumer:
            assert next(consumer).verdict_id == "one"
