"""When what goes wrong: drawn from the seed, at each step of each call; three families of weather."""

from collections import Counter
from random import Random
from typing import Protocol

from tests.simulation.event_loop import Process
from tests.simulation.ports.wire import Fate

ALWAYS = {
    "crash": (0, 0.001, 0.003),
    "rebalance": (0, 0.0005, 0.0015),
    "request_lost": (0, 0.005, 0.02),
    "reply_lost": (0, 0.01, 0.03),
}
OF_ZOMBIES = {"stop": (0.002, 0.004, 0.008), "late": (0, 0.01, 0.03)}
OF_LOSS = {
    "tail": (0, 0.002, 0.004),
    "emptied": (0, 0.0003, 0.001),
    "shared_lost": (0, 0.0005, 0.0015),
    "cut": (0, 0, 0, 0.001, 0.003),
}
FAMILIES = {"zombies": ALWAYS | OF_ZOMBIES, "loss": ALWAYS | OF_LOSS, "all": ALWAYS | OF_ZOMBIES | OF_LOSS}
"""Per fault, the chances among which a seed draws its own, each for one step of a call."""

_OF_CALLS = {"request_lost": Fate.REQUEST_LOST, "reply_lost": Fate.REPLY_LOST, "late": Fate.LATE}
LATEST_MS = 1500
_WHERE_IT_HURTS = 10
"""How many times as often something happens around the steps that nobody may do twice in two ways."""


class Faults(Protocol):
    """What can happen to processes and servers."""

    def crash(self, process: Process) -> None:
        """Kill a process."""

    def stop(self, process: Process) -> None:
        """Stop a process for a while."""

    def happen(self, fault: str) -> None:
        """Let something happen that has no process."""


class SeededWeather:
    """Strikes at a seed's own rates until it is calm; `counts` says what happened."""

    def __init__(self, chance: Random, family: str, faults: Faults) -> None:
        self._chance, self._faults = chance, faults
        self.calm = False
        self.counts = Counter[str]()
        rates = {fault: chance.choice(rates) for fault, rates in FAMILIES[family].items()}
        self._strikes = _laid_end_to_end({f: rate for f, rate in rates.items() if f not in _OF_CALLS})
        self._fates = _laid_end_to_end({f: rate for f, rate in rates.items() if f in _OF_CALLS})

    def strike(self, process: Process | None, what: str) -> None:
        """Let happen what happens at this end of a call."""
        fault = self._drawn(self._strikes, _WHERE_IT_HURTS if _hurts(what) else 1)
        if fault in ("crash", "stop"):
            if process and process.runs:
                self.counts[fault] += 1
                (self._faults.crash if fault == "crash" else self._faults.stop)(process)
        elif fault:
            self.counts[fault] += 1
            self._faults.happen(fault)

    def fate(self, what: str) -> tuple[Fate, float]:
        """Return what becomes of a call, and how many ms later an effect comes that is late."""
        fault = self._drawn(self._fates, 3 if _hurts(what) else 1)
        if not fault:
            return Fate.ANSWERED, 0.0
        self.counts[fault] += 1
        return _OF_CALLS[fault], self._chance.random() ** 2 * LATEST_MS

    def _drawn(self, faults: list[tuple[float, str]], weight: int = 1) -> str | None:
        if self.calm:
            return None
        dice = self._chance.random() / weight
        return next((fault for until, fault in faults if dice < until), None)


def _hurts(what: str) -> bool:
    return what.startswith(("open", "publish", "save"))


def _laid_end_to_end(rates: dict[str, float]) -> list[tuple[float, str]]:
    until, laid = 0.0, list[tuple[float, str]]()
    for fault, rate in rates.items():
        until += rate
        laid.append((until, fault))
    return laid
