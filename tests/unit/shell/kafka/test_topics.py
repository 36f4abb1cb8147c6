"""What a declaration of a topic may say, and how a cluster is compared with it."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from menshen.commands.topics import topics as command
from menshen.shell.bundled import bundled
from menshen.shell.kafka.topics import (
    CatalogueError,
    Condition,
    Difference,
    Found,
    Topic,
    catalogue,
    compare,
    overridden,
)

EVENTS = (bundled("schemas/topics") / "events.yaml").read_text(encoding="utf-8")
TOPICS = catalogue()
NAMES = [topic.name for topic in TOPICS]
AS_DECLARED = {topic.name: Found(topic.partitions, topic.replication, topic.settings) for topic in TOPICS}


def read(folder: Path, text: str) -> Topic:
    (folder / "topic.yaml").write_text(text, encoding="utf-8")
    (topic,) = catalogue(folder)
    return topic


def test_a_declaration_names_kafkas_own_settings(tmp_path: Path) -> None:
    assert read(tmp_path, EVENTS).settings == {
        "cleanup.policy": "delete",
        "compression.type": "uncompressed",
        "max.message.bytes": "1048588",
        "message.timestamp.type": "LogAppendTime",
        "min.insync.replicas": "1",
        "retention.ms": "604800000",
    }


def test_a_topic_without_an_end_keeps_its_records_for_ever(tmp_path: Path) -> None:
    topic = read(tmp_path, EVENTS.replace("retention_days: 7", "retention_days: null"))
    assert topic.settings["retention.ms"] == "-1"


@pytest.mark.parametrize(("replication", "insync"), [(1, "1"), (2, "1"), (3, "2"), (5, "4")])
def test_one_replica_may_be_down_where_there_are_several(replication: int, insync: str) -> None:
    assert replace(TOPICS[0], replication=replication).settings["min.insync.replicas"] == insync


@pytest.mark.parametrize(
    ("was", "becomes", "named"),
    [
        ("partitions: 6", "partitions: 0", "partitions"),
        ("partitions: 6", "partitions: six", "partitions"),
        ("partitions: 6", "", "partitions"),
        ("key: subject_id", "key: subject_id\nkeys: subject_id", "keys"),
        ("cleanup: delete", "cleanup: remove", "cleanup"),
        ("name: menshen.events.v1", "name: menshen events", "name"),
        ("name: menshen.events.v1", 'name: "menshen.events.v1\\n"', "name"),
        ("key: subject_id", "key: [subject_id", "topic.yaml"),
    ],
)
def test_a_wrong_declaration_is_refused_by_file_and_field(tmp_path: Path, was: str, becomes: str, named: str) -> None:
    assert was in EVENTS
    with pytest.raises(CatalogueError, match=rf"topic\.yaml: .*{named}" if named != "topic.yaml" else named):
        read(tmp_path, EVENTS.replace(was, becomes))


def test_all_wrong_files_are_named_at_once(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("name: only\n")
    with pytest.raises(CatalogueError, match=r"(?s)a\.yaml.*b\.yaml"):
        catalogue(tmp_path)


def test_a_topic_that_is_declared_twice_is_refused(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(EVENTS, encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"menshen\.events\.v1 is declared twice"):
        catalogue(tmp_path)


def test_a_folder_without_declarations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="no topic"):
        catalogue(tmp_path)


def test_keyed_topics_get_another_number_of_partitions_together() -> None:
    numbers = {topic.name: (topic.partitions, topic.replication) for topic in overridden(TOPICS, partitions=24)}
    assert numbers.pop("menshen.control.v1") == (1, 1)
    assert set(numbers.values()) == {(24, 1)}
    assert {topic.replication for topic in overridden(TOPICS, replication=3)} == {3}
    assert overridden(TOPICS) == TOPICS


def test_a_cluster_as_declared_has_no_difference() -> None:
    assert compare(TOPICS, AS_DECLARED) == tuple(Condition(name, "unchanged") for name in NAMES)


def test_a_topic_that_is_not_there_is_missing() -> None:
    conditions = compare(TOPICS, {})
    assert [condition.status for condition in conditions] == ["missing"] * len(TOPICS)


def test_a_topic_that_nobody_declared_is_named() -> None:
    found = AS_DECLARED | {"menshen.event.v1": Found(1, 1, {})}
    assert Condition("menshen.event.v1", "undeclared") in compare(TOPICS, found)


@pytest.mark.parametrize(
    ("found", "difference"),
    [
        (Found(12, 1, TOPICS[0].settings), Difference("partitions", "6", "12")),
        (Found(6, 3, TOPICS[0].settings), Difference("replication", "1", "3")),
        (
            Found(6, 1, TOPICS[0].settings | {"cleanup.policy": "compact"}),
            Difference("cleanup.policy", "delete", "compact"),
        ),
        (
            Found(6, 1, {**TOPICS[0].settings, "segment.ms": "1"} | {"retention.ms": "1"}),
            Difference("retention.ms", "7776000000", "1"),
        ),
    ],
)
def test_a_difference_is_named_with_both_values(found: Found, difference: Difference) -> None:
    assert compare(TOPICS, AS_DECLARED | {NAMES[0]: found})[0] == Condition(NAMES[0], "drifted", (difference,))


@pytest.mark.parametrize("arguments", [["apply", "--partitions", "0"], ["apply", "--folder", "/nonexistent"], ["grow"]])
def test_wrong_usage_ends_with_status_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(command, arguments).exit_code == 2


def test_wrong_settings_end_with_status_2_and_are_named() -> None:
    ended = CliRunner().invoke(command, ["apply"], env={"MENSHEN_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"})
    assert ended.exit_code == 2
    assert "MENSHEN_KAFKA_USERNAME" in ended.output


def test_a_wrong_catalogue_ends_with_status_2(tmp_path: Path) -> None:
    ended = CliRunner().invoke(command, ["list", "--folder", str(tmp_path)])
    assert ended.exit_code == 2
    assert "no topic is declared there" in ended.output
