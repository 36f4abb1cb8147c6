"""Plays a story through Kafka, with the clock of the story, and gathers what comes of each record."""

import time
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, NamedTuple, Self

import msgspec
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from menshen.contract.assessment import Assessment
from menshen.contract.dead_letter import REASON_HEADER
from menshen.contract.signature import BadSignature, TrustedKeys
from menshen.contract.topics import ASSESSMENTS, DEAD_LETTERS, EVENTS, VERDICTS
from menshen.contract.verdict import Verdict
from menshen.demo.checking import Played
from menshen.demo.story import Line
from menshen.shell.kafka.kafka_python import kafka_python_options
from menshen.shell.settings import KafkaSettings

ANSWER_S = 15.0
"""How long a visit waits for its answers, which take some 20 ms each."""
ONCE_SILENT_S = 0.5
"""How long it waits after answers have stayed away once."""
POLL_MS = 50
FETCH_WAIT_MS = 5


class Signed(NamedTuple):
    """A verdict that opens something, with the very bytes that were signed."""

    verdict: Verdict
    value: bytes
    headers: list[tuple[str, bytes]]


class Player:
    """Sends a visit at a time and waits for its answers: the next one must find what this one left behind.

    A record's timestamp is the story's; the embedded broker keeps it, where Apache Kafka would stamp its own.
    """

    def __init__(self, settings: KafkaSettings, keys: TrustedKeys) -> None:
        options = kafka_python_options(settings)
        self._keys, self._patience_s = keys, ANSWER_S
        self._assessments = dict[str, Assessment]()
        self._verdicts = dict[str, Verdict]()
        self._signed = dict[str, Signed]()
        self._rejections = dict[bytes, str]()
        self._producer: Any = KafkaProducer(**options, acks="all", enable_idempotence=True, linger_ms=1)
        self._consumer: Any = KafkaConsumer(
            **options, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=FETCH_WAIT_MS
        )

    def __enter__(self) -> Self:
        answers = (ASSESSMENTS, VERDICTS, DEAD_LETTERS)
        partitions = [TopicPartition(topic, p) for topic in answers for p in self._partitions_of(topic)]
        self._consumer.assign(partitions)
        return self

    def __exit__(self, *_: object) -> None:
        self._producer.close(timeout=1)
        self._consumer.close()

    def play(self, lines: Iterable[Line]) -> Iterator[Played]:
        """Yield each record with what came of it, in the order of the story; what does not come in time stays away."""
        for _, visit in groupby(lines, key=lambda line: line.session_id):
            told = list(visit)
            for line in told:
                self._producer.send(EVENTS, line.value, line.subject_id.encode(), timestamp_ms=line.appended_ms)
            self._producer.flush()
            yield from self._answers(told)

    def signed(self) -> list[Signed]:
        """Return the verdicts so far that answer a step of an application and that our keys vouch for."""
        self._gather()
        return list(self._signed.values())

    def inject(self, record: Signed) -> None:
        """Write a record to the topic of verdicts, as whoever has got that far into Kafka could."""
        self._producer.send(VERDICTS, record.value, record.verdict.subject_id.encode(), record.headers)
        self._producer.flush()

    def _answers(self, told: list[Line]) -> list[Played]:
        until_s = time.monotonic() + self._patience_s
        while not all(self._played(line).answered for line in told):
            if time.monotonic() > until_s:
                self._patience_s = ONCE_SILENT_S
                break
            self._gather()
        return [self._played(line) for line in told]

    def _partitions_of(self, topic: str) -> list[int]:
        return sorted(self._consumer.partitions_for_topic(topic) or ())

    def _played(self, line: Line) -> Played:
        if line.event is None:
            return Played(line, rejection=self._rejections.get(line.value))
        event_id = line.event.event_id
        rejection = self._rejections.get(line.value)
        return Played(line, self._assessments.get(event_id), self._verdicts.get(event_id), rejection)

    def _gather(self) -> None:
        """Take what has come. The first record of an id is the valid one."""
        for records in self._consumer.poll(timeout_ms=POLL_MS).values():
            for record in records:
                self._take(record)

    def _take(self, record: Any) -> None:
        headers = [(name, value) for name, value in record.headers if value is not None]
        if record.topic == DEAD_LETTERS:
            self._rejections.setdefault(record.value, dict(headers)[REASON_HEADER].decode())
        elif record.topic == ASSESSMENTS:
            assessment = msgspec.json.decode(record.value, type=Assessment)
            self._assessments.setdefault(assessment.event_id, assessment)
        elif (verdict := self._trusted(record.value, headers)) and verdict.kind != "revoke":
            self._verdicts.setdefault(verdict.event_id, verdict)
            if verdict.application_id:
                self._signed.setdefault(verdict.verdict_id, Signed(verdict, record.value, headers))

    def _trusted(self, value: bytes, headers: list[tuple[str, bytes]]) -> Verdict | None:
        """Return a verdict; one that opens something and is not signed by our keys counts as though it had not come."""
        verdict = msgspec.json.decode(value, type=Verdict)
        if verdict.application_id is None:
            return verdict
        try:
            self._keys.verify(value, headers)
        except BadSignature:
            return None
        return verdict
