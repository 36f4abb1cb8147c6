"""Time that passes only when nobody has anything left to do: a minute of it costs as much as what happens in it."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from tests.gate.office import NOON_MS

T = TypeVar("T")


class _Skipping(selectors.SelectSelector):
    """Waits for nothing: what would be waited for has passed at once."""

    passed_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("everybody waits, and nothing will ever happen")
        self.passed_s += max(0.0, timeout)
        return []


class _Loop(asyncio.SelectorEventLoop):
    """An event loop whose clock is its selector's."""

    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        return self._skipping.passed_s


def run(story: Coroutine[Any, Any, T]) -> T:
    """Run a story to its end, and return what it returns."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(story)


def clock_ms() -> int:
    """Return the time within a story."""
    return NOON_MS + round(asyncio.get_running_loop().time() * 1000)
