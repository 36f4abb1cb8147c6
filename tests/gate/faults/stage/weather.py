"""What goes wrong, and how often, in each of several climates."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Literal, NamedTuple

from tests.gate.faults.points import POINTS

BrokerFault = Literal["none", "lost", "lost, as is the rest", "late"]
BankFault = Literal["none", "lost before", "lost after", "error before", "error after", "slow", "doubled", "refused"]


class Climate(NamedTuple):
    """Shares in percent; `blows` is how many befall each of the first processes, `where` is at which points."""

    blows: Mapping[str, int]
    broker: Mapping[BrokerFault, int]
    bank: Mapping[BankFault, int]
    where: Sequence[str] = POINTS
    allow_holds_ms: int = 4_000
    revoked: int = 15
    silent: int = 8
    late: int = 15
    repeated: int = 15


CALM = Climate(
    blows={},
    broker={"none": 100},
    bank={"none": 100},
    revoked=0,
    silent=0,
    late=0,
    repeated=0,
)
STORM = Climate(
    blows={"dies": 2, "is held up": 2, "hears nothing": 2},
    broker={"none": 91, "lost": 3, "lost, as is the rest": 3, "late": 3},
    bank={
        "none": 50,
        "lost before": 9,
        "lost after": 11,
        "error before": 6,
        "error after": 6,
        "slow": 9,
        "doubled": 6,
        "refused": 3,
    },
)
ON_THE_WAY_TO_THE_BANK = ("before begin", "after begin", "after transfer", "before settle", "after settle")
HOLD_UPS = CALM._replace(blows={"is held up": 12}, where=ON_THE_WAY_TO_THE_BANK, bank=STORM.bank, allow_holds_ms=2_000)
DOUBTS = CALM._replace(bank={"none": 30, "error before": 50, "lost after": 20}, revoked=70)
CLIMATES = {"calm": CALM, "storm": STORM, "hold-ups": HOLD_UPS, "doubts": DOUBTS}
"""Nothing; everything; processes that sleep and wake up again; a bank that is silent while allows are taken back."""


class Weather:
    """Draws what goes wrong next; once it has cleared up, nothing does any more."""

    def __init__(self, climate: Climate, chance: Random) -> None:
        self.climate, self.chance = climate, chance
        self.clear = False

    def at_the_broker(self) -> BrokerFault:
        """Return what becomes of the next acknowledgement."""
        return "none" if self.clear else self._one_of(self.climate.broker)

    def at_the_bank(self) -> BankFault:
        """Return what becomes of the next call."""
        return "none" if self.clear else self._one_of(self.climate.bank)

    def happens(self, percent: int) -> bool:
        """Say whether something happens that so often does."""
        return self.chance.randrange(100) < percent

    def _one_of(self, weights: Mapping) -> str:
        return self.chance.choices(list(weights), list(weights.values()))[0]
