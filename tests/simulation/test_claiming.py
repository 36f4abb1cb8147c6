"""Too rare a meeting for the seeds: a partition is given again while an older question about it is under way."""

import asyncio
from collections import Counter
from random import Random
from typing import Any

from tests.simulation.deployment import SESSION_S, Deployment, Servers
from tests.simulation.event_loop import Process, VirtualLoop
from tests.simulation.ports.group import Group
from tests.simulation.ports.log import N_PARTITIONS, Topics
from tests.simulation.ports.redis import SimulatedRedis
from tests.simulation.ports.wire import Fate, Wire


class Fine:
    """Weather in which nothing happens."""

    def strike(self, process: Process | None, what: str) -> None:
        """Do nothing."""

    def fate(self, what: str) -> tuple[Fate, float]:
        return Fate.ANSWERED, 0.0


class OvertakenWire(Wire):
    """The first commit is on its way for so long that the group has shared everything out anew when it arrives."""

    def __init__(self, group: Group) -> None:
        super().__init__(Random(0), Fine(), lambda *_: None)
        self._group = group
        self.calls = Counter[str]()

    async def call(self, what: str, *others: Any, **named: Any) -> Any:
        kind = what.split(maxsplit=1)[0]
        self.calls[kind] += 1
        if kind == "commit" and self.calls[kind] == 1:
            self._group.rebalance()
            await asyncio.sleep(2 * SESSION_S)
        return await super().call(what, *others, **named)


def test_a_partition_that_is_given_again_is_claimed_though_the_older_question_is_refused() -> None:
    loop = VirtualLoop(Random(0))
    try:
        assert loop.run_until_complete(_claimed_at_last(loop)) == list(range(N_PARTITIONS))
    finally:
        loop.bury()


async def _claimed_at_last(loop: VirtualLoop) -> list[int]:
    group = Group(Random(0), SESSION_S)
    wire = OvertakenWire(group)
    servers = Servers(Topics(loop.time), group, SimulatedRedis(Random(0)), wire)
    deployment = Deployment(Random(0), servers, lambda *_: None)
    deployment.start(0)
    await asyncio.sleep(5.0)
    assert wire.calls["join"] == 2
    ((_, worker, _),) = deployment.running.values()
    assert worker.waiting == {}
    return sorted(partition.number for partition in worker.owned())
