"""Whether a run was a quiet one: does the machine do the same work in the same time from one row to the next?"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

N_TRIES, N_SQUARES = 5, 200_000
MOST_UNEVEN, MOST_STOLEN = 1.25, 0.01


class Mood(NamedTuple):
    """How the machine was. `uneven` is the most CPU that the same work took over the least, `stolen_share` how much of
    the time that was asked for the host gave to others.
    """

    uneven: float
    stolen_share: float

    @property
    def noisy(self) -> bool:
        """Say whether waits of this run say more about the machine than about what was measured."""
        return self.uneven > MOST_UNEVEN or self.stolen_share > MOST_STOLEN

    def __str__(self) -> str:
        run = "a noisy run, whose waits say little" if self.noisy else "a quiet run"
        return f"{run}: the same work took up to {self.uneven:.2f} x the CPU, {self.stolen_share:.1%} went to others"


class Noise:
    """Looks at the machine whenever it is told to, best between two rows, and says in the end how it was."""

    def __init__(
        self,
        work_s: Callable[[], float] | None = None,
        ticks: Callable[[], str] = Path("/proc/stat").read_text,
    ) -> None:
        self._work_s, self._ticks = work_s or _work_s, ticks
        self._looks_s = list[float]()
        self._used, self._stolen = _counted(ticks())

    def look(self) -> None:
        """Do the work a few times, and keep the quickest: one try may have been interrupted."""
        self._looks_s.append(min(self._work_s() for _ in range(N_TRIES)))

    def mood(self) -> Mood:
        """Say how the machine was from the beginning until now; look at least once before."""
        used, stolen = _counted(self._ticks())
        used, stolen = used - self._used, stolen - self._stolen
        uneven = max(self._looks_s) / min(self._looks_s)
        return Mood(round(uneven, 2), round(stolen / max(1, used + stolen), 4))


def _work_s() -> float:
    """Return the CPU that a little work takes, in seconds: others lengthen it only by what cores share."""
    began_s = time.process_time()
    sum(number * number for number in range(N_SQUARES))
    return time.process_time() - began_s


def _counted(stat: str) -> tuple[int, int]:
    """Return the ticks in which the processors worked, and those that they were kept from it, since the machine began.

    See `proc(5)`: user, nice, system, idle, iowait, irq, softirq, steal.
    """
    user, nice, system, _, _, irq, softirq, stolen = map(int, stat.splitlines()[0].split()[1:9])
    return user + nice + system + irq + softirq, stolen
