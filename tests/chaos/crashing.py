"""`menshen detect` with a trap in it: `python -m tests.chaos.crashing --die save.before:2 detect`.

At the n-th pass of a point it ends at once, with a status of the point's own, or suspends itself until it is resumed.
"""

import argparse
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.chaos.inside import retelling
from tests.chaos.inside.mutations import MUTATIONS
from tests.chaos.inside.points import CODES, POINTS, watch

from menshen.cli import main as menshen
from menshen.detect import portion
from menshen.fraud.sighting import Sighting
from menshen.fraud.step import Outcome, Rules
from menshen.fraud.subject import Subject


class Trap:
    """Snaps once, at the n-th pass of its point."""

    def __init__(self, point: str, n_passes: int, snap: Callable[[], None]) -> None:
        self._point, self._n_left, self._snap = point, n_passes, snap

    def passed(self, point: str) -> None:
        """Count a pass."""
        if point == self._point:
            self._n_left -= 1
            if self._n_left == 0:
                self._snap()


def _place(text: str) -> tuple[str, int]:
    point, _, n_passes = text.partition(":")
    if point not in POINTS or not n_passes.isdecimal() or int(n_passes) < 1:
        raise argparse.ArgumentTypeError(f"POINT:N, with one of {', '.join(POINTS)}")
    return point, int(n_passes)


def _suspend() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _fail_at(event_id: str) -> None:
    """Raise, as a mistake in the program would, whenever this event is stepped, alone or beside others."""
    step_all = portion.step_all

    def failing(given: Sequence[tuple[Subject, Sighting]], rules: Rules) -> list[Outcome]:
        if any(sighting.event.event_id == event_id for _, sighting in given):
            raise ZeroDivisionError("a mistake in the program")
        return step_all(given, rules)

    portion.step_all = failing
    portion.step = lambda subject, sighting, rules: failing([(subject, sighting)], rules)[0]


def _shift_clock(off_s: float) -> None:
    now_s, now_ns = time.time, time.time_ns
    time.time = lambda: now_s() + off_s
    time.time_ns = lambda: now_ns() + round(off_s * 1e9)


def parser() -> argparse.ArgumentParser:
    """Return what it can be told; all else goes to `menshen`."""
    options = argparse.ArgumentParser(prog="python -m tests.chaos.crashing", description=__doc__)
    options.add_argument("--die", type=_place, metavar="POINT:N", help="end at the n-th pass of a point")
    options.add_argument("--stop", type=_place, metavar="POINT:N", help="suspend itself there")
    options.add_argument("--fail-at", metavar="EVENT_ID", help="raise when this event is stepped")
    options.add_argument("--clock-off-s", type=float, metavar="S", help="how wrong this process's clock is")
    options.add_argument("--mutation", choices=MUTATIONS, help="leave out a part of the protocol")
    options.add_argument("--retell", type=Path, metavar="FOLDER", help="write records there, not to Kafka")
    options.add_argument("command", nargs=argparse.REMAINDER, help="what `menshen` is asked for")
    return options


def main() -> None:
    """Set the traps, then be `menshen`."""
    given = parser().parse_args()
    if given.mutation:
        MUTATIONS[given.mutation]()
    if given.retell:
        retelling.retell(given.retell)
    if given.fail_at:
        _fail_at(given.fail_at)
    if given.clock_off_s:
        _shift_clock(given.clock_off_s)
    if given.die:
        watch(Trap(*given.die, lambda: os._exit(CODES[given.die[0]])).passed)
    if given.stop:
        watch(Trap(*given.stop, _suspend).passed)
    menshen(given.command)


if __name__ == "__main__":
    main()
