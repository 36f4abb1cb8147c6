"""Where a process spends its CPU: its Python stack is looked at after each millisecond of CPU that it has used.

What C code does counts for the Python function that called it. Looking costs under a percent, unlike a profiler that
follows each call, so that the shares are those of the process as it is.
"""

import signal
from collections import Counter
from collections.abc import Callable
from types import CodeType, FrameType

from msgspec import Struct

INTERVAL_S = 0.001


class Looks(Struct):
    """What a sampled process writes at its end: the CPU that it used meanwhile, and looks by stage."""

    cpu_s: float
    looks: dict[str, int]


class Sampler:
    """Counts looks by stage: the innermost function on the stack to which `stage_of` gives one says which."""

    def __init__(self, stage_of: Callable[[CodeType], str | None]) -> None:
        self._stage_of = stage_of
        self._known: dict[CodeType, str | None] = {}
        self.looks = Counter[str]()

    def start(self) -> None:
        """Begin to look; call it in the main thread."""
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, INTERVAL_S, INTERVAL_S)

    def stop(self) -> None:
        """Look no more."""
        signal.setitimer(signal.ITIMER_PROF, 0.0)

    def _look(self, _: int, frame: FrameType | None) -> None:
        known = self._known
        while frame is not None:
            code = frame.f_code
            if code not in known:
                known[code] = self._stage_of(code)
            if stage := known[code]:
                self.looks[stage] += 1
                return
            frame = frame.f_back
        self.looks["other"] += 1
