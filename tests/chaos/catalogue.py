"""Which part of which file shows which row of the fault matrix, in the order in which a run plays them."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from tests.chaos.faults import (
    broker,
    gate,
    kills,
    network,
    poison_and_order,
    rebalances,
    redis_lost,
    redis_refusing,
    retention,
    zombies,
)
from tests.chaos.stage import Figures, Stage

Play = Callable[[Stage], Figures]


class Chapter(NamedTuple):
    """A play and the rows that it shows. One that is `apart` comes after everything is counted."""

    rows: Sequence[int]
    play: Play
    apart: bool = False


CHAPTERS: Sequence[Chapter] = (
    Chapter([11], redis_lost.backed_up),
    Chapter([1], kills.crash_points),
    Chapter([1], kills.by_chance),
    Chapter([4], kills.asked_to_end),
    Chapter([2], zombies.at_points),
    Chapter([2], zombies.at_any_moment),
    Chapter([3], rebalances.storm),
    Chapter([8], broker.absent_at_start),
    Chapter([6], broker.restarts),
    Chapter([7], broker.long_outage),
    Chapter([9], redis_lost.restarted),
    Chapter([10], redis_lost.tail_lost),
    Chapter([11], redis_lost.emptied),
    Chapter([12], redis_lost.failed_over),
    Chapter([13], redis_refusing.full),
    Chapter([16], redis_refusing.scripts_flushed),
    Chapter([16], redis_refusing.read_only),
    Chapter([14], network.slow_redis),
    Chapter([15], network.lost_replies),
    Chapter([14], network.bad_kafka),
    Chapter([22], poison_and_order.dead_letters_refused),
    Chapter([26], poison_and_order.verdicts_refused),
    Chapter([17], poison_and_order.wrong_clocks),
    Chapter([11], redis_lost.restored),
    Chapter([30], retention.played_again, apart=True),
    Chapter([27], gate.between_verdict_and_money, apart=True),
    Chapter([2], zombies.with_a_whole_batch, apart=True),
    Chapter([5], poison_and_order.quarantined, apart=True),
    Chapter([31], retention.cut, apart=True),
    Chapter([33], retention.repartitioned, apart=True),
)

BY_THE_LOAD: Mapping[int, Play] = {
    18: poison_and_order.repeated,
    19: poison_and_order.reused,
    20: poison_and_order.disordered,
    21: poison_and_order.poisoned,
    23: poison_and_order.from_other_releases,
}
"""Rows that the load itself shows, from the first record to the last."""
