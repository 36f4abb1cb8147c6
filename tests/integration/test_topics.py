"""The topics on a real broker: created as declared, never changed in silence, every difference named."""

import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result
from kafka import KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import MessageSizeTooLargeError
from tests.servers.kafka import Kafka

from menshen.commands.topics import topics
from menshen.contract.dead_letter import RejectReason
from menshen.detect.arrivals import dead_letter
from menshen.shell.bundled import bundled
from menshen.shell.embedded.servers import HOST, EmbeddedBroker, free_port
from menshen.shell.errors import Unavailable
from menshen.shell.kafka.clients import Publisher
from menshen.shell.kafka.cluster import Cluster, Refused, apply
from menshen.shell.kafka.topics import catalogue
from menshen.shell.settings import KafkaSettings

Menshen = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path, tenant: str) -> Path:
    """The catalogue under names of this test alone."""
    for path in bundled("schemas/topics").glob("*.yaml"):
        (tmp_path / path.name).write_text(path.read_text().replace("name: menshen.", f"name: {tenant}."))
    return tmp_path


@pytest.fixture
def admin(kafka: Kafka) -> Iterator[KafkaAdminClient]:
    if not kafka.real:
        pytest.skip("the stand-in has neither CreateTopics nor settings")
    client = KafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    yield client
    client.close()


@pytest.fixture
def menshen(kafka: Kafka, admin: KafkaAdminClient, folder: Path) -> Menshen:
    environment = {"MENSHEN_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers}
    return lambda *arguments: CliRunner().invoke(topics, [*arguments, "--folder", str(folder)], env=environment)


def statuses(result: Result) -> dict[str, str]:
    return {row["topic"].partition(".")[2]: row["status"] for row in json.loads(result.stdout)}


def differences(result: Result, topic: str) -> list[dict[str, str]]:
    (row,) = [row for row in json.loads(result.stdout) if row["topic"] == topic]
    return row["differences"]


def change(kafka: Kafka, topic: str, settings: dict[str, str]) -> None:
    with Cluster(KafkaSettings(kafka_bootstrap_servers=kafka.bootstrap_servers)) as cluster:
        cluster.set(topic, settings)


def delete(admin: KafkaAdminClient, topic: str) -> None:
    admin.delete_topics([topic])
    while topic in admin.list_topics():
        time.sleep(0.05)


def send(kafka: Kafka, topic: str, value: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap_servers, max_request_size=2 * len(value))
    try:
        producer.send(topic, key=b"s", value=value).get(10)
    finally:
        producer.close()


def test_apply_creates_every_topic_as_declared(menshen: Menshen, admin: KafkaAdminClient, folder: Path) -> None:
    result = menshen("apply", "--json")
    assert result.exit_code == 0
    assert set(statuses(result).values()) == {"created"}
    for topic in catalogue(folder):
        resource = ConfigResource(ConfigResourceType.TOPIC, topic.name)
        settings = admin.describe_configs([resource], config_filter="all")["topic"][topic.name]
        assert {name: settings[name]["value"] for name in topic.settings} == topic.settings
        assert len(admin.describe_topics([topic.name])[0]["partitions"]) == topic.partitions


def test_a_second_apply_changes_nothing(menshen: Menshen) -> None:
    menshen("apply")
    for command in ("apply", "list"):
        result = menshen(command, "--json")
        assert result.exit_code == 0
        assert set(statuses(result).values()) == {"unchanged"}


def test_only_the_missing_topic_is_created(menshen: Menshen, admin: KafkaAdminClient, tenant: str) -> None:
    menshen("apply")
    delete(admin, f"{tenant}.verdict.v1")
    listed = menshen("list", "--json")
    assert listed.exit_code == 1
    assert statuses(listed)["verdict.v1"] == "missing"
    applied = statuses(menshen("apply", "--json"))
    assert applied.pop("verdict.v1") == "created"
    assert set(applied.values()) == {"unchanged"}


def test_another_retention_is_named_and_left_until_it_is_to_be_fixed(
    menshen: Menshen, kafka: Kafka, tenant: str
) -> None:
    menshen("apply")
    change(kafka, f"{tenant}.events.v1", {"retention.ms": "1000000", "segment.ms": "7000000"})
    for command in ("list", "apply"):
        result = menshen(command, "--json")
        assert result.exit_code == 1
        assert differences(result, f"{tenant}.events.v1") == [
            {"what": "retention.ms", "declared": "604800000", "found": "1000000"}
        ]
    assert "retention.ms is 1000000, not 604800000" in menshen("list").stdout
    fixed = menshen("apply", "--fix", "--json")
    assert (fixed.exit_code, statuses(fixed)["events.v1"]) == (0, "fixed")
    assert set(statuses(menshen("list", "--json")).values()) == {"unchanged"}


def test_another_number_of_partitions_is_named_and_never_changed(
    menshen: Menshen, admin: KafkaAdminClient, tenant: str
) -> None:
    menshen("apply", "--partitions", "3")
    assert menshen("list", "--partitions", "3").exit_code == 0
    result = menshen("apply", "--fix", "--json")
    assert result.exit_code == 1
    assert statuses(result)["control.v1"] == "unchanged"
    for topic in ("events", "assessment", "verdict", "onboarding", "dlq"):
        drift = [{"what": "partitions", "declared": "6", "found": "3"}]
        assert differences(result, f"{tenant}.{topic}.v1") == drift
    assert len(admin.describe_topics([f"{tenant}.events.v1"])[0]["partitions"]) == 3


def test_a_topic_that_nobody_declared_is_named(menshen: Menshen, kafka: Kafka, tenant: str) -> None:
    menshen("apply")
    kafka.create_topic(f"{tenant}.event.v1")
    result = menshen("apply", "--json")
    assert result.exit_code == 1
    assert statuses(result)["event.v1"] == "undeclared"


def test_more_replicas_than_brokers_are_refused_in_the_brokers_words(menshen: Menshen) -> None:
    result = menshen("apply", "--replication", "3")
    assert result.exit_code == 1
    assert "replication" in result.stderr.lower()
    assert "Traceback" not in result.stderr


async def test_the_largest_record_of_the_events_topic_fits_into_the_dead_letters(
    menshen: Menshen, kafka: Kafka, tenant: str
) -> None:
    menshen("apply")
    limit = 1_048_588
    send(kafka, f"{tenant}.events.v1", b"\0" * (limit - 100))
    with pytest.raises(MessageSizeTooLargeError):
        send(kafka, f"{tenant}.events.v1", b"\0" * limit)
    received = SimpleNamespace(
        topic=f"{tenant}.events.v1", partition=5, offset=1, key=b"s", value=b"\0" * (limit - 100), headers=()
    )
    publisher = Publisher(KafkaSettings(kafka_bootstrap_servers=kafka.bootstrap_servers))
    await publisher.start()
    try:
        assert await publisher.publish(
            f"{tenant}.dlq.v1", 5, [dead_letter(received, RejectReason.OVERSIZED, "x" * 500)]
        )
    finally:
        await publisher.stop()


def test_a_setting_that_kafka_does_not_know_is_refused_by_name(
    kafka: Kafka, menshen: Menshen, folder: Path, tenant: str
) -> None:
    settings = KafkaSettings(kafka_bootstrap_servers=kafka.bootstrap_servers)
    with Cluster(settings) as cluster:
        apply(cluster, catalogue(folder))
        with pytest.raises(Refused, match=rf"{tenant}\.events\.v1.*retention\.msec"):
            cluster.set(f"{tenant}.events.v1", {"retention.msec": "1"})


# kafka-python leaves its sockets to the garbage collector when it gives up.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_broker_that_does_not_answer_is_named_with_what_to_do() -> None:
    address = f"{HOST}:{free_port()}"
    with pytest.raises(Unavailable, match=rf"{address} within 0\.5 s: start it, or set MENSHEN_KAFKA_BOOTSTRAP"):
        Cluster(KafkaSettings(kafka_bootstrap_servers=address), answer_ms=500)
    gc.collect()


@pytest.mark.parametrize(("command", "status"), [("apply", 1), ("list", 0)])
def test_the_embedded_broker_cannot_be_asked_and_one_line_says_so(command: str, status: int) -> None:
    with EmbeddedBroker({"menshen.events.v1": 6}) as broker:
        environment = {
            "MENSHEN_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers,
            "MENSHEN_KAFKA_API_VERSION": "2.1",
            "PYTHONPATH": ":".join(sys.path),
        }
        ran = subprocess.run(
            [sys.executable, "-m", "menshen.cli", "topics", command],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert ran.returncode == status
    assert len(ran.stderr.splitlines()) == 1
    assert "embedded broker" in ran.stderr
    assert ("menshen.events.v1" in ran.stdout) == (command == "list")
