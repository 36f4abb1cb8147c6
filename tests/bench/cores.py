"""What the processors of this machine are worth together: often two of them are threads of one core."""

import subprocess
import sys
from collections.abc import Callable

N_TRIES, TRY_S = 3, 1.0
_LOOPS = f"""
import time
until_s, n_loops = time.monotonic() + {TRY_S}, 0
while time.monotonic() < until_s:
    sum(number * number for number in range(10_000))
    n_loops += 1
print(n_loops)
"""


def worth(n_processors: int, loops: Callable[[int], int] | None = None) -> float:
    """Return how many times the work of one process as many processes do in the same time as there are processors.

    The best of a few tries of each, by turns: what else runs here makes both smaller.
    """
    loops = loops or _loops
    tries = [(loops(1), loops(n_processors)) for _ in range(N_TRIES)]
    alone, together = (max(each) for each in zip(*tries, strict=True))
    return round(together / alone, 2)


def _loops(n_processes: int) -> int:
    """Return how many loops so many processes do at once."""
    command = [sys.executable, "-c", _LOOPS]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(n_processes)]
    return sum(int(process.communicate()[0]) for process in running)
