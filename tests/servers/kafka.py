"""Apache Kafka for the tests, from where it can be had: an address, Docker, Maven's jars, or else a stand-in."""

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from tests.servers.containers import require_image, running
from tests.servers.sources import Missing, Server, first_of, real_is_required

from menshen.shell.embedded.servers import HOST, EmbeddedBroker, free_port
from menshen.shell.lifeline import Guarded

_DEPLOY = Path(__file__).parents[2] / "deploy" / "kafka"
_READY = "Kafka Server started"
# The first start fetches the jars.
_START_S = 300.0
_ANSWER_S = 5.0
VERSION = re.findall("<kafka.version>(.+)</kafka.version>", (_DEPLOY / "pom.xml").read_text())[0]
IMAGE = f"apache/kafka:{VERSION}"


@dataclass(frozen=True, kw_only=True)
class Kafka(Server):
    """A running broker; `pid` is None where it is no process of ours.

    `options` is what kafka-python must be told to talk to it.
    """

    bootstrap_servers: str
    pid: int | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    creates: Callable[[str, int], None] | None = None

    def create_topic(self, topic: str, n_partitions: int = 1, **settings: str) -> None:
        """Create a topic and wait until it is there; a stand-in ignores settings such as `retention_ms="1000"`."""
        if self.creates:
            self.creates(topic, n_partitions)
            return
        configs = {name.replace("_", "."): value for name, value in settings.items()}
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers})
        admin.create_topics([NewTopic(topic, n_partitions, 1, config=configs)])[topic].result(_ANSWER_S)
        while len(admin.list_topics(topic, _ANSWER_S).topics[topic].partitions) < n_partitions:
            time.sleep(0.02)


def kafka() -> AbstractContextManager[Kafka]:
    """Run a broker, or find the one that is named; raise Missing if it must be real and is not to be had."""
    if address := os.environ.get("MENSHEN_TEST_KAFKA"):
        return first_of("Kafka", [lambda: named(address)])
    real = [from_docker, from_jars]
    return first_of("Kafka", real if real_is_required() else [*real, stand_in])


@contextmanager
def named(address: str) -> Iterator[Kafka]:
    """Use the broker at an address; it is not passed over in silence, since somebody asked for it."""
    try:
        # Its log would repeat the failure on the terminal for as long as it tries.
        AdminClient({"bootstrap.servers": address, "log_level": 0}).list_topics(timeout=_ANSWER_S)
    except KafkaException as failure:
        raise Missing(f"MENSHEN_TEST_KAFKA: no broker answers at {address} ({failure})") from None
    yield Kafka(kind=f"Apache Kafka at {address} (MENSHEN_TEST_KAFKA)", bootstrap_servers=address)


@contextmanager
def from_docker() -> Iterator[Kafka]:
    """Run Apache's own image, configured as the broker from jars is."""
    require_image(IMAGE, pull=True)
    port = free_port()
    with running(
        IMAGE,
        inside=9092,
        port=port,
        environment=_environment(port),
        ready=lambda container: any(_READY.encode() in stream for stream in container.get_logs()),
    ):
        yield Kafka(kind=f"Apache Kafka {VERSION} (Docker, KRaft)", bootstrap_servers=f"{HOST}:{port}")


def _environment(port: int) -> dict[str, str]:
    lines = (_DEPLOY / "server.properties.template").read_text().splitlines()
    settings = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    # Inside its container it must listen on every address: the engine forwards the loopback port there.
    settings |= {
        "controller.quorum.voters": "1@localhost:9093",
        "listeners": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "log.dirs": "/tmp/kraft-combined-logs",
    }
    return {"KAFKA_" + name.upper().replace(".", "_"): value for name, value in settings.items()}


def from_jars() -> AbstractContextManager[Kafka]:
    """Run the jars that deploy/kafka/run.sh fetches, on this machine's Java."""
    return run_jars(free_port(), Path("kafka"))


@contextmanager
def run_jars(port: int, folder: Path, *, behind: tuple[int, int] | None = None) -> Iterator[Kafka]:
    """Run them on a port and in a folder of one's own: what the folder holds is there again at the next start.

    `behind` is a port more on which it listens, and the port of a proxy before it: who comes by that one is told that
    the broker is there, and stays behind the proxy.
    """
    more = f"KAFKA_MORE_SETTINGS={_second_listener(*behind) if behind else ''}"
    command = ["/usr/bin/env", more, str(_DEPLOY / "run.sh"), str(port), str(folder), str(free_port())]
    with Guarded(*command) as broker:
        broker.name = "run.sh"
        broker.wait_until(lambda: _READY in broker.output(), timeout_s=_START_S)
        yield Kafka(
            kind=f"Apache Kafka {VERSION} (jars from Maven, KRaft)",
            bootstrap_servers=f"{HOST}:{port}",
            pid=broker.pid,
        )


def _second_listener(listens: int, advertised: int) -> str:
    lines = (_DEPLOY / "server.properties.template").read_text().splitlines()
    more = {
        "listeners": f"BEHIND://{HOST}:{listens}",
        "advertised.listeners": f"BEHIND://{HOST}:{advertised}",
        "listener.security.protocol.map": "BEHIND:PLAINTEXT",
    }
    return "\n".join(f"{line},{more[name]}" for line in lines if (name := line.partition("=")[0]) in more)


@contextmanager
def stand_in() -> Iterator[Kafka]:
    """Run the embedded broker, which is not Kafka, and say what that leaves open."""
    with EmbeddedBroker() as broker:
        yield Kafka(
            kind="librdkafka's mock broker (confluent-kafka wheel)",
            real=False,
            unproven="topic settings, append time, retention, fetches of several batches, transactions, restarts",
            bootstrap_servers=broker.bootstrap_servers,
            pid=broker.pid,
            options={"api_version": (2, 1)},
            creates=broker.create_topic,
        )
