"""`menshen onboard` with a trap in it: `python -m tests.gate.faults.crashing --die "after begin:2" onboard`.

At the n-th pass of a point it ends at once, as `kill -9` ends it, with an exit status of the point's own.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from tests.gate.faults.points import POINTS, TOPICS, WatchedDesk

from menshen.cli import main as menshen
from menshen.onboard import service
from menshen.onboard.ports import Bank, Challenges, Order, Settled
from menshen.shell.kafka.clients import Outgoing, Publisher

STATUS = {point: 100 + number for number, point in enumerate(POINTS)}


class Trap:
    """Ends the process at the n-th pass of a point."""

    def __init__(self, point: str, n_passes: int) -> None:
        self._point, self._n_left = point, n_passes

    async def reach(self, point: str) -> None:
        """Go on, or end."""
        self.within(point)

    def within(self, point: str) -> None:
        """Commit, or end."""
        if point == self._point:
            self._n_left -= 1
            if self._n_left == 0:
                os._exit(STATUS[point])


def _set(trap: Trap) -> None:
    """Have the parts of the process pass by the trap."""

    class TrappedPublisher(Publisher):
        async def publish(self, topic: str, partition: int, records: Sequence[Outgoing]) -> int | None:
            await trap.reach(f"before {TOPICS[topic]}")
            end = await super().publish(topic, partition, records)
            await trap.reach(f"after {TOPICS[topic]}")
            return end

    class TrappedBank(Bank):
        async def transfer(self, order: Order) -> Settled:
            settled = await super().transfer(order)
            await trap.reach("after transfer")
            return settled

        async def void(self, key: str) -> Settled:
            settled = await super().void(key)
            await trap.reach("after void")
            return settled

    class TrappedChallenges(Challenges):
        async def issue(self, *of: Any, **whom: Any) -> None:
            await trap.reach("before challenge")
            await super().issue(*of, **whom)
            await trap.reach("after challenge")

    WatchedDesk.watcher = trap
    parts = {"Desk": WatchedDesk, "Publisher": TrappedPublisher, "Bank": TrappedBank, "Challenges": TrappedChallenges}
    for name, part in parts.items():
        setattr(service, name, part)


def _place(text: str) -> tuple[str, int]:
    point, _, n_passes = text.partition(":")
    if point not in STATUS or not n_passes.isdecimal():
        raise argparse.ArgumentTypeError(f"POINT:N, with one of {', '.join(STATUS)}")
    return point, int(n_passes)


def main() -> None:
    """Set the trap, then be `menshen`."""
    options = argparse.ArgumentParser(prog="python -m tests.gate.faults.crashing", description=__doc__)
    options.add_argument("--die", type=_place, required=True, metavar="POINT:N", help="end at the n-th pass of a point")
    options.add_argument("command", nargs=argparse.REMAINDER, help="what `menshen` is asked for")
    given = options.parse_args()
    _set(Trap(*given.die))
    sys.argv = ["menshen", *given.command]
    menshen()


if __name__ == "__main__":
    main()
