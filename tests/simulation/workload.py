"""What the customers of a run do: few subjects, devices that cross partitions, questions, duplicates, some rubbish."""

from collections import defaultdict
from functools import cache
from itertools import count
from random import Random
from typing import Any

from tests.simulation.ports.log import N_PARTITIONS

from menshen.contract.decoding import encode_event
from menshen.contract.events import Challenge, Checkpoint, Device, Event, GpsFix, Location, Login
from menshen.contract.routing import partition_of
from menshen.shell.kafka.clients import Outgoing

SUBJECTS_A_PARTITION = 4
N_DEVICES = 2
KINDS = {"login": 3, "checkpoint": 4, "device": 1, "location": 2, "challenge": 1}
DUPLICATE, REUSED_ID, RUBBISH = 0.15, 0.02, 0.02


class Crowd:
    """Makes records for one partition after the other; the same chance makes the same ones."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._numbers = count()
        self._sent: dict[int, list[Outgoing]] = defaultdict(list)

    def record(self, partition: int, now_ms: int) -> Outgoing:
        """Return what comes next on a partition: something new, mostly."""
        dice, sent = self._chance.random(), self._sent[partition]
        if sent and dice < DUPLICATE:
            return self._chance.choice(sent)
        if dice > 1 - RUBBISH:
            return Outgoing(_subjects(partition)[0].encode(), b"no event")
        event_id = None
        if sent and dice > 1 - RUBBISH - REUSED_ID:
            event_id = f"e{partition}.0"
        return self._remembered(partition, self._event(partition, now_ms, event_id))

    def question(self, partition: int, now_ms: int) -> Outgoing:
        """Return a decision point on a shared device."""
        return self._remembered(partition, self._of_kind("checkpoint", partition, now_ms, None))

    def _remembered(self, partition: int, event: Event) -> Outgoing:
        record = Outgoing(event.subject_id.encode(), encode_event(event))
        self._sent[partition].append(record)
        return record

    def _event(self, partition: int, now_ms: int, event_id: str | None) -> Event:
        (kind,) = self._chance.choices(list(KINDS), list(KINDS.values()))
        return self._of_kind(kind, partition, now_ms, event_id)

    def _of_kind(self, kind: str, partition: int, now_ms: int, event_id: str | None) -> Event:
        chance = self._chance
        subject = chance.choice(_subjects(partition))
        said: dict[str, Any] = {
            "event_id": event_id or f"e{partition}.{len(self._sent[partition])}",
            "subject_id": subject,
            "session_id": f"v-{subject}",
            "seq": next(self._numbers),
            "occurred_ms": now_ms,
            "received_ms": now_ms,
            "assurance": chance.choice(("authenticated", "authenticated", "person", "claimed")),
            "product_id": "cash-loan",
            "device_id": f"d{chance.randrange(N_DEVICES)}",
        }
        return _MAKERS[kind](chance, said)


def _login(chance: Random, said: dict[str, Any]) -> Event:
    outcome = chance.choice(("success", "success", "failed"))
    return Login(**said, outcome=outcome, method="password", ip=f"192.0.2.{chance.randrange(2)}")


def _checkpoint(chance: Random, said: dict[str, Any]) -> Event:
    step = chance.choice(("eligibility", "limit_activation"))
    return Checkpoint(**said, application_id=f"a-{said['subject_id']}", step=step, attempt=chance.randint(1, 2))


def _device(chance: Random, said: dict[str, Any]) -> Event:
    return Device(**said, platform="android")


def _location(chance: Random, said: dict[str, Any]) -> Event:
    place = GpsFix(
        latitude_deg=chance.choice((31.2, 39.9)), longitude_deg=116.4, accuracy_m=12.0, mocked=chance.random() < 0.2
    )
    return Location(**said, gps=place)


def _challenge(chance: Random, said: dict[str, Any]) -> Event:
    return Challenge(**said, outcome=chance.choice(("passed", "failed")), method="face")


_MAKERS = {
    "login": _login,
    "checkpoint": _checkpoint,
    "device": _device,
    "location": _location,
    "challenge": _challenge,
}


@cache
def _subjects(partition: int) -> list[str]:
    """Return the names of the subjects that a partition has."""
    names = (f"s{number}" for number in count())
    here = (name for name in names if partition_of(name.encode(), N_PARTITIONS) == partition)
    return [next(here) for _ in range(SUBJECTS_A_PARTITION)]
