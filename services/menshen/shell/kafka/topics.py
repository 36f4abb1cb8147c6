"""The topics as they are declared in `schemas/topics/`, and how a cluster differs from that."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from menshen.shell.bundled import bundled

DAY_MS = 86_400_000
FOLDER = "schemas/topics"
Count = Annotated[int, Meta(ge=1)]
Filled = Annotated[str, Meta(min_length=1)]
Status = Literal["unchanged", "created", "fixed", "drifted", "missing", "undeclared", "unknown"]


class CatalogueError(Exception):
    """The declarations cannot be read; one line a file that is wrong. Nothing was asked of a broker."""


class Topic(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One topic as it should be.

    `key` says what the records' key is. `retention_days` is how long a record is kept (None: for ever, or until a
    newer one of its key where `cleanup` is `compact`). `timestamps` is who dates a record: the broker on
    `append`, or the producer on `create`. `max_message_bytes` bounds a batch of records as it is stored.
    `partitions_fixed` says that this topic keeps its number when those of all others are overridden.
    """

    name: Annotated[str, Meta(pattern=r"^[a-zA-Z0-9._-]{1,249}\Z")]
    description: Filled
    key: Filled
    partitions: Count
    partitions_fixed: bool = False
    replication: Count = 1
    owner: Filled
    producers: tuple[Filled, ...]
    consumers: tuple[Filled, ...]
    schemas: tuple[Filled, ...]
    cleanup: Literal["delete", "compact"]
    retention_days: Count | None
    timestamps: Literal["append", "create"]
    max_message_bytes: Count
    compression: Literal["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"]

    @property
    def settings(self) -> dict[str, str]:
        """The topic's settings by Kafka's names. One replica may be down; the others have what was acknowledged."""
        return {
            "cleanup.policy": self.cleanup,
            "compression.type": self.compression,
            "max.message.bytes": str(self.max_message_bytes),
            "message.timestamp.type": {"append": "LogAppendTime", "create": "CreateTime"}[self.timestamps],
            "min.insync.replicas": str(max(1, self.replication - 1)),
            "retention.ms": str(-1 if self.retention_days is None else self.retention_days * DAY_MS),
        }


class Found(Struct, frozen=True):
    """One topic as a cluster has it."""

    partitions: int
    replication: int
    settings: Mapping[str, str]


class Difference(Struct, frozen=True):
    """One thing that is not as declared: `partitions`, `replication`, or a setting by Kafka's name."""

    what: str
    declared: str
    found: str


class Condition(Struct, frozen=True):
    """How one topic stands. Only `drifted` has differences.

    `undeclared`: the cluster has one that nobody declared. `unknown`: no broker has answered.
    """

    topic: str
    status: Status
    differences: tuple[Difference, ...] = ()


def catalogue(folder: Path | None = None) -> tuple[Topic, ...]:
    """Read the declarations, by default those that are shipped, sorted by name.

    Raises
    ------
    CatalogueError
        A file is not YAML, says what no topic has, or leaves out what it must say; or there is none.
    """
    folder = folder or bundled(FOLDER)
    topics, problems = list[Topic](), list[str]()
    for path in sorted(folder.glob("*.yaml")):
        try:
            topics.append(msgspec.yaml.decode(path.read_bytes(), type=Topic))
        except (msgspec.MsgspecError, UnicodeError) as error:
            problems.append(f"{path}: {' '.join(str(error).split())}")
    names = [topic.name for topic in topics]
    problems += [f"{folder}: {name} is declared twice" for name in sorted({n for n in names if names.count(n) > 1})]
    if problems or not topics:
        raise CatalogueError("\n".join(problems) or f"{folder}: no topic is declared there")
    return tuple(sorted(topics, key=lambda topic: topic.name))


def overridden(
    topics: Iterable[Topic], *, partitions: int | None = None, replication: int | None = None
) -> tuple[Topic, ...]:
    """Return the topics with other numbers. Keyed topics change together: a key's records lie at one number in all."""
    return tuple(
        replace(
            topic,
            partitions=topic.partitions if topic.partitions_fixed or partitions is None else partitions,
            replication=topic.replication if replication is None else replication,
        )
        for topic in topics
    )


def compare(topics: Iterable[Topic], found: Mapping[str, Found]) -> tuple[Condition, ...]:
    """Return how each topic stands, declared or not, sorted by name."""
    declared = {topic.name: topic for topic in topics}
    undeclared = [Condition(name, "undeclared") for name in found if name not in declared]
    conditions = [_condition(topic, found.get(name)) for name, topic in declared.items()]
    return tuple(sorted([*conditions, *undeclared], key=lambda condition: condition.topic))


def _condition(topic: Topic, found: Found | None) -> Condition:
    if found is None:
        return Condition(topic.name, "missing")
    differences = tuple(_differences(topic, found))
    return Condition(topic.name, "drifted" if differences else "unchanged", differences)


def _differences(topic: Topic, found: Found) -> Iterator[Difference]:
    declared = {"partitions": str(topic.partitions), "replication": str(topic.replication), **topic.settings}
    there = {"partitions": str(found.partitions), "replication": str(found.replication), **found.settings}
    for what, value in declared.items():
        if there.get(what, "") != value:
            yield Difference(what, value, there.get(what, ""))
