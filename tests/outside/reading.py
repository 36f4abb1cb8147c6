"""Reads the topics of answers with a bare consumer, to their ends."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition

Headers = Sequence[tuple[str, bytes | None]]
ANSWER_S = 10.0
QUIET_S = 2.0
"""Once everything is there, reading goes on until nothing has come for so long: what comes twice comes late."""


class Record(NamedTuple):
    """A record as it lies in the log."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


def read(
    bootstrap: str,
    start: Mapping[str, Sequence[int]],
    n_expected: Mapping[str, int],
    *,
    patience_s: float = 30.0,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, list[Record]]:
    """Return the records of each topic from the `start` of each partition on.

    Waits until the expected numbers have come, or nothing has for `patience_s`; whether that is right is not its say.
    """
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "outside", "enable.auto.commit": False})
    places = [TopicPartition(t, p, offset) for t, offsets in start.items() for p, offset in enumerate(offsets)]
    found: dict[str, list[Record]] = {topic: [] for topic in start}
    try:
        consumer.assign(places)
        last_s = told_s = time.monotonic()
        while time.monotonic() - last_s < (QUIET_S if _complete(found, n_expected) else patience_s):
            for message in consumer.consume(1000, timeout=0.2):
                if message.error():
                    raise RuntimeError(f"{message.topic()}: {message.error()}")
                found[message.topic()].append(_record(message))
                last_s = time.monotonic()
            if time.monotonic() - told_s > 2.0:
                told_s = time.monotonic()
                progress(", ".join(f"{topic}: {len(records)}" for topic, records in found.items()))
    finally:
        consumer.close()
    return found


def _complete(found: Mapping[str, list[Record]], n_expected: Mapping[str, int]) -> bool:
    return all(len(found[topic]) >= n for topic, n in n_expected.items())


def _record(message: object) -> Record:
    headers = message.headers() or []
    return Record(
        message.topic(), message.partition(), message.offset(), message.key(), message.value(), tuple(headers)
    )
