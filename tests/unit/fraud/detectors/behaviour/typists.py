"""Generated typists for the behaviour detectors' tests: lognormal flights, gamma holds, a habit of their own."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from menshen.contract.assessment import Observed
from menshen.contract.events import Keystroke
from menshen.fraud.sighting import Sighting

SENTENCE = "llllslllllslllbldddslllsllllldd"


def typed(hold_ms: Iterable[float], flight_ms: Iterable[float], classes: str = "", **fields: Any) -> Sighting:
    """Return an authenticated visit with these times; letters, unless said otherwise."""
    holds, flights = [int(hold) for hold in hold_ms], [int(flight) for flight in flight_ms]
    envelope = {"event_id": "e", "subject_id": "s", "session_id": "v", "seq": 0, "occurred_ms": 0, "received_ms": 0}
    said = {"assurance": "authenticated", "product_id": "p", "field": "other"}
    columns = {"hold_ms": holds, "flight_ms": flights, "classes": classes or "l" * len(holds)}
    return Sighting(Keystroke(**{**envelope, **said, **columns, **fields}), 0, 0, 0, Observed())


@dataclass
class Typist:
    """A person with usual times; the habits of two differ when these do."""

    rng: np.random.Generator
    hold_ms: float = 95.0
    flight_ms: float = 110.0

    def visit(self, classes: str = SENTENCE, **fields: Any) -> Sighting:
        """Type keys of these classes once."""
        return typed(*self.times(len(classes)), classes, **fields)

    def times(self, n_keys: int) -> tuple[list[int], list[int]]:
        """Return hold and flight times of so many keys, as a clock of 1 ms shows them."""
        mood = self.rng.normal(1, 0.04)
        holds = self.rng.gamma(20, self.hold_ms * mood / 20, n_keys)
        flights = self.flight_ms * mood * self.rng.lognormal(0, 0.5, n_keys - 1) - 20
        return holds.astype(int).tolist(), flights.astype(int).tolist()


def on_clock(hold_ms: list[int], flight_ms: list[int], step_ms: int, first_ms: int = 0) -> tuple[list[int], list[int]]:
    """Return the times as a clock shows them that is rounded down to a step."""
    spans = [span for pair in zip(hold_ms, [*flight_ms, 0], strict=True) for span in pair]
    shown = [moment // step_ms * step_ms for moment in accumulate(spans, initial=first_ms)]
    differences = [later - earlier for earlier, later in pairwise(shown)]
    return differences[::2], differences[1:-1:2]
