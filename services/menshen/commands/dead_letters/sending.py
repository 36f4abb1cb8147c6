"""Sending dead letters again: first what is to become of each, then the sending."""

import hashlib
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from typing import Literal, NamedTuple

from menshen.client import EventProducer, Receipt
from menshen.commands.dead_letters.letters import Letter, Place, read_again, why_not

MOST_UNDER_WAY = 1_000


Status = Literal["send", "copy", "refused", "sent", "unsure"]


class Fate(NamedTuple):
    """What is to become of a letter, or has: `copy` is one of another that is sent, `unsure` was not acknowledged."""

    place: Place
    reason: str
    source: str
    status: Status
    told: str


def fates(letters: Iterable[Letter], n_partitions: int, *, quarantined: bool) -> Iterator[Fate]:
    """Say of each letter what is to become of it.

    What was refused twice, or written again after a crash, lies there more than once: the first of the same key and
    value is sent, the others are copies.
    """
    first = dict[tuple[bytes | None, bytes], Place]()
    for letter in letters:
        reading = read_again(letter, n_partitions)
        of_letter = letter.place, letter.reason, letter.source
        if obstacle := why_not(letter, reading, quarantined=quarantined):
            yield Fate(*of_letter, "refused", obstacle)
            continue
        content = letter.record.key, hashlib.sha256(letter.record.value or b"").digest()
        original = first.setdefault(content, letter.place)
        if original != letter.place:
            yield Fate(*of_letter, "copy", f"the same record as {original}")
        else:
            yield Fate(*of_letter, "send", reading.told)


class Replaying:
    """Sends letters; `sent` are those that Kafka has acknowledged."""

    def __init__(self, producer: EventProducer) -> None:
        self.sent = set[Place]()
        self._producer = producer
        self._under_way = deque[tuple[Place, Receipt]]()

    def send(self, letters: Iterable[Letter], chosen: Collection[Place]) -> Iterator[Place]:
        """Send those that are chosen, yield each once it is under way, and end when all are acknowledged.

        Raises `NotSent` if one is not. Sending all of them again is safe soon after.
        """
        for letter in letters:
            if letter.place in chosen:
                if len(self._under_way) >= MOST_UNDER_WAY:
                    self._settle_one()
                self._under_way.append((letter.place, self._send(letter)))
                yield letter.place
        while self._under_way:
            self._settle_one()

    def _send(self, letter: Letter) -> Receipt:
        key, value = letter.record.key, letter.record.value or b""
        return self._producer.send_unchecked(key, value, event_id=str(letter.place), headers=letter.headers_again())

    def _settle_one(self) -> None:
        place, receipt = self._under_way.popleft()
        receipt.wait()
        self.sent.add(place)
