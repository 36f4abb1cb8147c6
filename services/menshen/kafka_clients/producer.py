"""Sends events to where `detect` reads them."""

import logging
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import msgspec
from kafka import KafkaProducer
from kafka.errors import KafkaError

from menshen.contract.dead_letter import RejectReason
from menshen.contract.decoding import Undecodable, decode_event, encode_event
from menshen.contract.events import Event
from menshen.contract.topics import EVENTS
from menshen.kafka_clients.broker import ANY_BROKER, Servers, partitions_of

log = logging.getLogger(__name__)
Headers = Sequence[tuple[str, bytes]]
_TIMING = {"linger_ms": 2, "request_timeout_ms": 10_000, "delivery_timeout_ms": 30_000, "max_block_ms": 10_000}


class NotSent(Exception):
    """Kafka did not acknowledge these events: each may or may not be in the log.

    Sending the very same events again is always safe: by its `event_id` a second one is known, and changes nothing.
    """

    def __init__(self, event_ids: Sequence[str], why: BaseException) -> None:
        super().__init__(f"{len(event_ids)} not acknowledged, the first is {event_ids[0]}: {why}; safe to send again")
        self.event_ids = tuple(event_ids)


class Place(NamedTuple):
    """Where in the topic an event came to lie."""

    partition: int
    offset: int


class Receipt:
    """An event under way."""

    def __init__(self, event_id: str, future: Any) -> None:
        self.event_id = event_id
        self.seen = False
        self._future = future

    def wait(self, timeout_s: float | None = None) -> Place:
        """Return where the event lies once every replica in sync has it; raise `NotSent` if that does not come."""
        try:
            written = self._future.get(timeout=timeout_s)
        except KafkaError as error:
            self.seen = True
            raise NotSent([self.event_id], error) from error
        return Place(written.partition, written.offset)


class EventProducer:
    """Sends events so that none is lost, repeated or put in the wrong place: idempotent, acks=all, keyed by subject.

    Any further option is kafka-python's own, such as `security_protocol` or `linger_ms`. Within `delivery_timeout_ms`
    (30 s unless given) each event is acknowledged or given up.

    Raises
    ------
    Unreachable
        At once, if no broker answers or the topic is not there.
    """

    def __init__(self, bootstrap_servers: Servers, *, topic: str = EVENTS, **options: object) -> None:
        self._topic = topic
        self._failed = deque[tuple[Receipt, KafkaError]]()
        chosen = {"bootstrap_servers": bootstrap_servers, **ANY_BROKER, **_TIMING, **options}
        partitions_of(topic, chosen)
        self._producer = KafkaProducer(acks="all", enable_idempotence=True, **chosen)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        try:
            self.close()
        except NotSent as not_sent:
            if error is None:
                raise
            log.error("%s", not_sent)  # the error under way is the one to raise

    def send(self, event: Event | bytes) -> Receipt:
        """Send an event, or its JSON as it stands. It goes out soon; `flush` or `Receipt.wait` say that it is safe.

        Raises
        ------
        Undecodable
            Detect would refuse it: more than 16 KB, or not an event of the contract. Nothing was sent.
        NotSent
            The broker has gone, and no place for the event can be found.
        """
        value = event if isinstance(event, bytes) else _encode(event)
        valid = decode_event(value)
        return self.send_unchecked(valid.subject_id.encode(), value, event_id=valid.event_id)

    def send_unchecked(
        self, key: bytes | None, value: bytes, *, event_id: str = "unchecked", headers: Headers = ()
    ) -> Receipt:
        """Send bytes as they are, to see what becomes of them. What is not an event ends among the dead letters."""
        try:
            future = self._producer.send(self._topic, value, key, headers=list(headers))
        except KafkaError as error:
            raise NotSent([event_id], error) from error
        receipt = Receipt(event_id, future)
        future.add_errback(lambda error: self._failed.append((receipt, error)))
        return receipt

    def flush(self) -> None:
        """Return when everything sent so far is acknowledged; raise `NotSent` for what no `wait` has told of."""
        self._producer.flush()
        failed = [self._failed.popleft() for _ in range(len(self._failed))]
        if untold := [(receipt, error) for receipt, error in failed if not receipt.seen]:
            raise NotSent([receipt.event_id for receipt, _ in untold], untold[0][1])

    def close(self) -> None:
        """Flush and disconnect; raises as `flush` does, disconnected all the same."""
        try:
            self.flush()
        finally:
            self._producer.close()


def _encode(event: Event) -> bytes:
    try:
        return encode_event(event)
    except (msgspec.MsgspecError, TypeError, UnicodeError) as error:
        raise Undecodable(RejectReason.INVALID, str(error)) from error
