"""The same log told again by a calm worker, with what the journal says was observed: the same bytes."""

import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from tests.outside.comparison import Discrepancy
from tests.outside.manifest import ASSESSMENTS, VERDICTS

IDS = {ASSESSMENTS: "assessment_id", VERDICTS: "verdict_id"}


class Valued(Protocol):
    """A record with a value."""

    @property
    def value(self) -> bytes | None:
        """The value."""


class Retold(NamedTuple):
    """How many records were compared, and what differed."""

    n_compared: int
    discrepancies: list[Discrepancy]


def compare_retold(topic: str, published: Iterable[Valued], told: Iterable[Valued]) -> Retold:
    """Hold what was told again against the first record of each id."""
    firsts, again = _firsts(topic, published), _firsts(topic, told)
    return Retold(len(again), list(_differences(topic, firsts, again)))


def _firsts(topic: str, records: Iterable[Valued]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for record in records:
        value = record.value or b"{}"
        found.setdefault(json.loads(value)[IDS[topic]], value)
    return found


def _differences(topic: str, firsts: dict[str, bytes], again: dict[str, bytes]) -> Iterator[Discrepancy]:
    for name in firsts.keys() | again.keys():
        if firsts.get(name) != again.get(name):
            yield Discrepancy("RETOLD OTHERWISE", f"{topic} {name}", f"{firsts.get(name)!r}, then {again.get(name)!r}")
