"""The load: customers who share devices, duplicates, broken records, late and disordered ones, at a steady rate."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import Self

from confluent_kafka import KafkaError, Message, Producer
from tests.outside.customers import Customer, Event
from tests.outside.defects import DEFECTS, same_id_other_content
from tests.outside.generator import ends, partition_of
from tests.outside.manifest import EVENTS, Sent
from tests.outside.records import Draft, again, varied

EVENTS_A_CUSTOMER = 33
HOUSEHOLD = 4
SHARING_ONE_IN = 3
"""Every third household has one device and one address for all; its members' events lie on any partitions."""
REPEATED, DEFECTIVE, REUSED, HELD_BACK = 0.14, 0.01, 0.002, 0.03
LATEST = 1_500
"""A repetition comes at most so many events after its first: no customer's own 64 newest reach that far."""
HOUR_MS = 3_600_000


class Neighbour(Customer):
    """A customer whose household may share a device and an address; by now some visits lie hours back, some ahead."""

    def __init__(self, number: int, run: str, chance: Random) -> None:
        super().__init__(number, run, chance)
        household = number // HOUSEHOLD
        if household % SHARING_ONE_IN == 0:
            self._devices = [f"d-{run}-household-{household}"]
            self._address = f"198.51.{household // 250 % 250}.{household % 250}"


def drafts(n_events: int, seed: int, now_ms: int) -> Iterator[Draft]:
    """Yield records without end; the crowd is as large as `n_events` needs. Same arguments, same bytes."""
    chance = Random(seed)
    due = defaultdict[int, list[Draft]](list)
    for place, event in enumerate(_disordered(_visits(n_events, seed, now_ms, chance), chance)):
        draw = chance.random()
        # A keystroke refuses what other families pass over: made from one, many a defect would be two.
        if draw < DEFECTIVE and event["type"] != "keystroke":
            yield DEFECTS[chance.choice(tuple(DEFECTS))](event, chance)
        first = varied(event, chance)
        yield first
        if draw > 1 - REPEATED:
            due[place + chance.randrange(1, LATEST)].append(again(first))
        elif draw > 1 - REPEATED - REUSED:
            due[place + chance.randrange(1, LATEST)].append(same_id_other_content(first))
        yield from due.pop(place, ())


def _visits(n_events: int, seed: int, now_ms: int, chance: Random) -> Iterator[Event]:
    run = f"{seed:x}"
    crowd = [Neighbour(number, run, chance) for number in range(max(600, n_events // EVENTS_A_CUSTOMER))]
    visits = [customer.visits(now_ms - chance.randrange(6) * HOUR_MS) for customer in crowd]
    while True:
        yield next(chance.choice(visits))


def _disordered(events: Iterable[Event], chance: Random) -> Iterator[Event]:
    held = defaultdict[int, list[Event]](list)
    for place, event in enumerate(events):
        if chance.random() < HELD_BACK:
            held[place + chance.randrange(50, LATEST)].append(event)
        else:
            yield event
        yield from held.pop(place, ())


class Load:
    """Appends records in a thread of its own from `start` to `finish`, and keeps a line on each in `sent`."""

    def __init__(self, bootstrap: str, *, n_events: int, rate: float, seed: int) -> None:
        self.n_events, self.rate, self.seed = n_events, rate, seed
        self.sent: list[Sent] = []
        self._n_partitions = len(ends(bootstrap, EVENTS))
        self._producer = producer(bootstrap)
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._failure: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.n_events = 0
        self._hurry.set()
        self._thread.join()

    @property
    def n_appended(self) -> int:
        """How many records the broker has acknowledged by now."""
        return len(self.sent)

    def must_go_on(self) -> None:
        """Fail if a record could not be appended: nothing that follows would mean anything."""
        if self._failure:
            raise self._failure

    def finish(self) -> None:
        """Append what is left without a pause, and return once the broker has acknowledged everything."""
        self._hurry.set()
        self._thread.join()
        self.must_go_on()
        if n_left := self._producer.flush(120.0):
            raise AssertionError(f"the broker did not acknowledge {n_left} records")

    def _run(self) -> None:
        try:
            started_s = time.monotonic()
            for number, draft in enumerate(drafts(self.n_events, self.seed, time.time_ns() // 1_000_000)):
                if self._hurry.is_set() and number >= self.n_events:
                    return
                ahead_s = number / self.rate - (time.monotonic() - started_s)
                if ahead_s > 0.01:
                    self._hurry.wait(ahead_s)
                self._append(draft)
        except BaseException as failure:  # noqa: BLE001  # raised again by `finish`
            self._failure = failure

    def _append(self, draft: Draft) -> None:
        place: dict[str, int] = {}
        if draft.beside:
            place["partition"] = (
                partition_of(draft.key or b"", self._n_partitions) + draft.beside
            ) % self._n_partitions
        while True:
            try:
                self._producer.produce(
                    EVENTS,
                    draft.value,
                    draft.key,
                    headers=list(draft.headers),
                    on_delivery=self._noting(draft),
                    **place,
                )
                break
            except BufferError:
                self._producer.poll(0.1)
        self._producer.poll(0)

    def _noting(self, draft: Draft) -> Callable[[KafkaError | None, Message], None]:
        def noted(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self._failure = RuntimeError(f"a record was not appended: {error}")
                return
            self.sent.append(draft.sent_to(message.partition(), message.offset()))

        return noted


def producer(bootstrap: str) -> Producer:
    """Return a client that partitions as Kafka's own do, and waits for a broker as long as it takes.

    Not idempotent: such a client gives up for good where a broker that went away had more than it had said. This one
    may append a record twice and know of one; the oracle finds the other.
    """
    return Producer(
        {
            "bootstrap.servers": bootstrap,
            "partitioner": "murmur2_random",
            "enable.idempotence": False,
            "acks": "all",
            "max.in.flight.requests.per.connection": 1,
            "message.max.bytes": 1_048_588,
            "message.timeout.ms": 0,
            "queue.buffering.max.messages": 500_000,
            "queue.buffering.max.kbytes": 1_000_000,
            "linger.ms": 5,
            "log_level": 0,
        }
    )
