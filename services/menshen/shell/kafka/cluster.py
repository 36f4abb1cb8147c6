"""The brokers, as far as topics go: what is there, create what is missing, set what differs where asked to."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError
from msgspec.structs import replace

from menshen.shell.errors import Unavailable
from menshen.shell.kafka.kafka_python import kafka_python_options
from menshen.shell.kafka.topics import Condition, Found, Topic, compare
from menshen.shell.settings import KafkaSettings

ANSWER_MS = 10_000
_POLL_S = 0.05
EMBEDDED = "the embedded broker of `menshen up` has its topics from the start and cannot be asked about them"


class Refused(Exception):
    """The brokers answered, and will not do it. Asking again gives the same."""


class Cluster:
    """A connection for administration. Use it in a `with` block."""

    def __init__(self, settings: KafkaSettings, *, answer_ms: int = ANSWER_MS) -> None:
        """Connect. Raises `Unavailable` if no broker answers within `answer_ms`; call again."""
        self._at = settings.kafka_bootstrap_servers
        self._answer_s = answer_ms / 1000
        self._hint = f" ({EMBEDDED})" if settings.kafka_api_version else ""
        options = kafka_python_options(settings) | {"bootstrap_timeout_ms": answer_ms, "request_timeout_ms": answer_ms}
        try:
            self._admin: Any = KafkaAdminClient(client_id="menshen-topics", **options)
        except KafkaError as error:
            hint = f"start it, or set MENSHEN_KAFKA_BOOTSTRAP_SERVERS ({EMBEDDED})"
            raise Unavailable(f"no Apache Kafka answers at {self._at} within {self._answer_s:g} s: {hint}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._admin.close()

    def find(self, topics: Iterable[Topic]) -> dict[str, Found]:
        """Return every topic that shares its name's first label (`menshen`) with a declared one, declared or not."""
        labels = {_first_label(topic.name) for topic in topics}
        with self._told():
            there = [one for one in self._admin.describe_topics() if _first_label(one["name"]) in labels]
            settings = self._settings_of([one["name"] for one in there])
        return {one["name"]: _found(one, settings[one["name"]]) for one in there}

    def create(self, topics: Iterable[Topic]) -> None:
        """Create topics and wait until each has its leaders. One that somebody creates meanwhile is no failure."""
        for topic in topics:
            options = {
                "num_partitions": topic.partitions,
                "replication_factor": topic.replication,
                "configs": topic.settings,
            }
            with self._told(topic.name):
                try:
                    self._admin.create_topics({topic.name: options}, wait_for_metadata=True)
                except TopicAlreadyExistsError:
                    self._admin.wait_for_topics([topic.name])

    def set(self, topic: str, settings: dict[str, str]) -> None:
        """Set a topic's settings and wait until they read so; those that are not named stay as they are."""
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, settings)
        with self._told(topic):
            answer = self._admin.alter_configs([resource], raise_on_unknown=False)["topic"][topic]
        if answer != "OK":
            raise Refused(f"kafka at {self._at}: {topic}: {answer}")
        deadline = time.monotonic() + self._answer_s
        while not self._reads(topic, settings):
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"kafka at {self._at}: {topic}: its new settings do not show after {self._answer_s:g} s"
                )
            time.sleep(_POLL_S)

    def _reads(self, topic: str, settings: dict[str, str]) -> bool:
        with self._told(topic):
            return settings.items() <= self._settings_of([topic])[topic].items()

    def _settings_of(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        answers = self._admin.describe_configs(resources, config_filter="all")["topic"] if names else {}
        return {topic: {name: str(one["value"]) for name, one in answer.items()} for topic, answer in answers.items()}

    @contextmanager
    def _told(self, about: str = "") -> Iterator[None]:
        try:
            yield
        except KafkaError as error:
            told = Unavailable if error.retriable else Refused
            raise told(f"kafka at {self._at}: {about + ': ' if about else ''}{error}{self._hint}") from error


def apply(cluster: Cluster, topics: Sequence[Topic], *, fix: bool = False) -> tuple[Condition, ...]:
    """Create what is missing and report how each topic stands, as read back; call it again as often as you like.

    A topic that exists is left as it is, whatever it looks like. With `fix` its settings are made as declared: a
    shorter retention deletes records. Partitions and replication of an existing topic are never changed: keys would
    move.
    """
    before = {condition.topic: condition for condition in compare(topics, cluster.find(topics))}
    cluster.create(topic for topic in topics if before[topic.name].status == "missing")
    fixed = _fix(cluster, before.values()) if fix else set()
    after = compare(topics, cluster.find(topics))
    return tuple(_as_done(condition, before, fixed) for condition in after)


def _fix(cluster: Cluster, conditions: Iterable[Condition]) -> set[str]:
    fixed = set[str]()
    for condition in conditions:
        settings = {d.what: d.declared for d in condition.differences if d.what not in ("partitions", "replication")}
        if settings:
            cluster.set(condition.topic, settings)
            fixed.add(condition.topic)
    return fixed


def _as_done(condition: Condition, before: dict[str, Condition], fixed: set[str]) -> Condition:
    if condition.status != "unchanged":
        return condition
    if condition.topic in fixed:
        return replace(condition, status="fixed")
    return replace(condition, status="created") if before[condition.topic].status == "missing" else condition


def _first_label(name: str) -> str:
    return name.partition(".")[0]


def _found(described: dict[str, Any], settings: dict[str, str]) -> Found:
    partitions = described["partitions"]
    replication = min((len(partition["replica_nodes"]) for partition in partitions), default=0)
    return Found(len(partitions), replication, settings)
