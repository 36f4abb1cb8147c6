"""Generated typing: people with a rhythm of their own, and programs that type."""

from typing import Any, Literal, NamedTuple

import numpy as np

Keyboard = Literal["soft_keyboard", "keyboard"]
CLASSES = {"name": "llllslllllll", "phone": "d" * 11, "identity": "d" * 18, "amount": "ddddd"}
FREE_TEXT = "llllslllllslllbldddslllsllllldd"


class Typist(NamedTuple):
    """Somebody who types: usual hold and flight time, how much flights scatter, and how much a day differs."""

    hold_ms: float
    flight_ms: float
    scatter: float = 0.5
    moods: float = 0.04


class Script(NamedTuple):
    """A program that types, in even steps with some jitter to look alive."""

    hold_ms: float
    flight_ms: float
    jitter_ms: float


def somebody(rng: np.random.Generator) -> Typist:
    """Return a person's rhythm."""
    return Typist(rng.uniform(65, 135), rng.uniform(60, 260), rng.uniform(0.35, 0.65), rng.uniform(0.02, 0.08))


def script(rng: np.random.Generator) -> Script:
    """Return a program's rhythm; some hide better than others."""
    return Script(rng.uniform(25, 70), rng.uniform(20, 130), float(rng.choice([0.0, 2.0, 8.0, 25.0])))


def typed(rng: np.random.Generator, hand: Typist | Script, field: str, keyboard: Keyboard) -> dict[str, Any]:
    """Return the fields of one `Keystroke` event."""
    classes = CLASSES.get(field, FREE_TEXT)
    holds, flights = _times(rng, hand, len(classes))
    return {
        "field": field,
        "hold_ms": [max(0, int(hold)) for hold in holds],
        "flight_ms": [int(flight) for flight in flights],
        "classes": classes,
        "input_method": keyboard,
    }


def _times(rng: np.random.Generator, hand: Typist | Script, n_keys: int) -> tuple[Any, Any]:
    if isinstance(hand, Script):
        holds = hand.hold_ms + rng.uniform(-hand.jitter_ms, hand.jitter_ms, n_keys)
        return holds, hand.flight_ms + rng.uniform(-hand.jitter_ms, hand.jitter_ms, n_keys - 1)
    mood = rng.normal(1, hand.moods)
    flights = hand.flight_ms * mood * rng.lognormal(0, hand.scatter, n_keys - 1) - 20
    return rng.gamma(20, hand.hold_ms * mood / 20, n_keys), flights
