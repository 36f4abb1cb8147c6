"""The topics that are shipped: each of the contract's is declared, and the numbers fit together."""

import pytest
from schemas.generator.json_schema import STRUCTS, file_of
from tests.schema.reading import EVENT_NAMES

from menshen.contract import topics as names
from menshen.contract.decoding import MAX_BYTES
from menshen.shell.kafka.topics import Topic, catalogue

TOPICS = {topic.name: topic for topic in catalogue()}
HEADERS_AND_FRAME = 64 * 1024
"""More than our three headers and a record batch's own frame take."""

every_topic = pytest.mark.parametrize("topic", TOPICS.values(), ids=lambda topic: topic.name)


def test_the_topics_of_the_contract_are_declared_and_no_others() -> None:
    assert set(TOPICS) == set(names.ALL)


def test_every_schema_belongs_to_one_topic() -> None:
    declared = [file for topic in TOPICS.values() for file in topic.schemas]
    assert sorted(declared) == sorted(map(file_of, STRUCTS))


def test_every_family_travels_on_the_events_topic() -> None:
    assert TOPICS[names.EVENTS].schemas == tuple(map(file_of, EVENT_NAMES))


def test_what_a_worker_writes_about_a_partition_has_that_partition() -> None:
    about_subjects = (names.EVENTS, names.ASSESSMENTS, names.VERDICTS, names.DEAD_LETTERS)
    assert len({TOPICS[name].partitions for name in about_subjects}) == 1
    assert not any(TOPICS[name].partitions_fixed for name in about_subjects)


def test_the_first_record_of_an_id_is_never_compacted_away() -> None:
    assert [topic.name for topic in TOPICS.values() if topic.cleanup == "compact"] == [names.CONTROL]


def test_control_is_one_partition_whatever_the_others_are() -> None:
    control = TOPICS[names.CONTROL]
    assert (control.partitions, control.partitions_fixed, control.retention_days) == (1, True, None)


def test_an_event_that_is_judged_fits_into_its_topic() -> None:
    assert TOPICS[names.EVENTS].max_message_bytes > MAX_BYTES + HEADERS_AND_FRAME


def test_whatever_the_events_topic_takes_fits_into_the_dead_letters_with_its_headers() -> None:
    largest = TOPICS[names.EVENTS].max_message_bytes
    assert TOPICS[names.DEAD_LETTERS].max_message_bytes >= largest + HEADERS_AND_FRAME


def test_dead_letters_are_kept_no_longer_than_events() -> None:
    dead, events = TOPICS[names.DEAD_LETTERS].retention_days, TOPICS[names.EVENTS].retention_days
    assert dead is not None and events is not None and dead <= events


@every_topic
def test_the_broker_dates_every_record(topic: Topic) -> None:
    assert topic.settings["message.timestamp.type"] == "LogAppendTime"
