"""All that a walk through the gate takes place in."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from random import Random
from typing import NamedTuple, TypeVar

from tests.gate.judging import Judge
from tests.gate.office import POLICY, Office
from tests.gate.signing import Detect
from tests.gate.street import Street, street
from tests.servers.standins import Standins

from menshen.loan.policy import LoanPolicy

T = TypeVar("T")


class World(NamedTuple):
    """An office, detect, the bank, and the judge of them all; `counts` says what has happened."""

    office: Office
    detect: Detect
    street: Street
    judge: Judge
    chance: Random
    counts: Counter[str]

    def one_of(self, weights: Mapping[T, int]) -> T:
        """Choose by weight."""
        (chosen,) = self.chance.choices(list(weights), list(weights.values()))
        return chosen

    def happens(self, percent: int) -> bool:
        """Say whether something happens that so often does."""
        return self.chance.randrange(100) < percent


@asynccontextmanager
async def world(
    url: str, standins: Standins, *, tenant: str = "t", seed: int = 0, policy: LoanPolicy = POLICY
) -> AsyncIterator[World]:
    """Make a world on an empty database."""
    detect = Detect()
    office = Office(url, detect.keys, tenant=tenant, policy=policy)
    async with street(office, standins) as outside:
        yield World(office, detect, outside, Judge(detect, outside), Random(seed), Counter[str]())
    await office.close()
