"""The dead letters' topic, read as it lies when it is opened, outside of any group."""

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from menshen.client import Unreachable
from menshen.commands.dead_letters.letters import Letter, Place
from menshen.commands.exits import FELL_SHORT, end, settings_or_exit
from menshen.commands.records.printing import Record
from menshen.contract.topics import DEAD_LETTERS
from menshen.kafka_clients.broker import ANY_BROKER, partitions_of
from menshen.shell.kafka.kafka_python import hush_kafka_python, kafka_python_options
from menshen.shell.settings import KafkaSettings

_POLL_MS = 500
_MOST_EMPTY_POLLS = 60


class DeadLetters:
    """What lies in the topic; what comes after it was opened is not read, so that reading twice gives the same."""

    def __init__(self, consumer: KafkaConsumer, numbers: Iterable[int]) -> None:
        self._consumer = consumer
        where = [TopicPartition(DEAD_LETTERS, number) for number in numbers]
        first, end = consumer.beginning_offsets(where), consumer.end_offsets(where)
        self._spans = {at: range(first[at], end[at]) for at in where}

    def since(self, at_ms: int, reason: str | None = None) -> Iterator[Letter]:
        """Yield the letters that came at that time or later, with one reason or any; a partition's in their order.

        Raises `Unreachable` when they stop coming.
        """
        found = self._consumer.offsets_for_times(dict.fromkeys(self._spans, at_ms)) if at_ms else {}
        # A partition without an answer is read whole: the embedded broker never gives one.
        begins = {at: span.start if found.get(at) is None else found[at].offset for at, span in self._spans.items()}
        spans = {at: range(begins[at], span.stop) for at, span in self._spans.items()}
        for letter in self._read(spans):
            if letter.record.timestamp_ms >= at_ms and reason in {None, letter.reason}:
                yield letter

    def at(self, places: Iterable[Place]) -> Iterator[Letter]:
        """Yield the letters at these places, as far as there are any."""
        for place in places:
            where = TopicPartition(DEAD_LETTERS, place.partition)
            if place.offset in self._spans.get(where, ()):
                yield from self._read({where: range(place.offset, place.offset + 1)})

    def _read(self, spans: Mapping[TopicPartition, range]) -> Generator[Letter]:
        left, n_empty = {at: span for at, span in spans.items() if span}, 0
        self._consumer.assign(list(left))
        for at, span in left.items():
            self._consumer.seek(at, span.start)
        while left:
            polled = self._consumer.poll(_POLL_MS)
            n_empty = 0 if polled else n_empty + 1
            if n_empty == _MOST_EMPTY_POLLS:
                raise Unreachable(f"Kafka stopped answering before all of {DEAD_LETTERS} was read")
            for at, records in polled.items():
                yield from (_letter(record) for record in records if record.offset < spans[at].stop)
            left = {at: span for at, span in left.items() if self._consumer.position(at) < span.stop}


@contextmanager
def dead_letters(options: Mapping[str, object]) -> Iterator[DeadLetters]:
    """Open the topic with the options of any kafka-python client; end with status 1 where Kafka does not answer."""
    try:
        numbers = partitions_of(DEAD_LETTERS, options)
        with KafkaConsumer(**options, enable_auto_commit=False, auto_offset_reset="earliest") as consumer:
            yield DeadLetters(consumer, numbers)
    except (Unreachable, KafkaError) as error:
        end(str(error), FELL_SHORT)


def connection(bootstrap_servers: str | None) -> Mapping[str, object]:
    """Return the options of kafka-python's clients by the settings, or to the brokers that are named instead."""
    hush_kafka_python()
    return {**ANY_BROKER, **kafka_python_options(settings_or_exit(KafkaSettings), bootstrap_servers)}


def _letter(r: Any) -> Letter:
    return Letter(Record(r.partition, r.offset, r.timestamp, r.key, r.value, r.headers))
