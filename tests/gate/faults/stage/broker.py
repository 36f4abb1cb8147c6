"""In the broker's place: logs that only grow, a group that reads verdicts, and acknowledgements that get lost."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from tests.gate.faults.points import TOPICS
from tests.gate.faults.stage.life import Life
from tests.gate.faults.stage.virtual import clock_ms
from tests.gate.faults.stage.weather import Weather

from menshen.onboard.verdicts import Record
from menshen.shell.errors import Unavailable
from menshen.shell.kafka.clients import Outgoing

N_PARTITIONS = 3
SILENT_FOR_MS = 6_000
PATIENCE_S, LATEST_S = 0.6, 9.0


class Logged(NamedTuple):
    """A record in a log."""

    partition: int
    key: bytes
    value: bytes


class Broker:
    """What has been published, in its order, and how far the group is with the verdicts."""

    def __init__(self) -> None:
        self.logs = defaultdict[str, list[Logged]](list)
        self.verdicts: list[Record] = []
        self.committed = 0
        self._owner: Life | None = None
        self._heard_ms = 0

    def append(self, topic: str, partition: int, records: Sequence[Outgoing]) -> None:
        """Append records, each behind what is there."""
        self.logs[topic] += [Logged(partition, it.key or b"", it.value or b"") for it in records]

    def owns(self, member: Life) -> bool:
        """Say whether a member reads now: one does, until it has died or has been silent for too long."""
        if self._owner is member:
            self._heard_ms = clock_ms()
            return True
        if self._owner is None or clock_ms() - self._heard_ms > SILENT_FOR_MS:
            self._owner, self._heard_ms = member, clock_ms()
            return True
        return False

    def commit(self, member: Life, offset: int) -> None:
        """Remember how far the group is; what a member says that has lost its place is not heard."""
        if self._owner is member:
            self.committed = offset


class Following:
    """One member of the group: what it reads, from where the group was when it became its turn."""

    def __init__(self, broker: Broker, life: Life) -> None:
        self._broker, self._life = broker, life
        self._position: int | None = None

    async def fetch(self, most: int) -> list[Record]:
        """Return what has come, at least one record, once it is this member's turn."""
        while True:
            await self._life.reach("before a fetch")
            if not self._broker.owns(self._life):
                self._position = None
            elif self._position is None:
                self._position = self._broker.committed
            elif waiting := self._broker.verdicts[self._position : self._position + most]:
                self._position += len(waiting)
                return waiting
            await asyncio.sleep(0.2)

    async def commit(self) -> None:
        """Say that what was fetched is dealt with."""
        await self._life.reach("before the offset")
        if self._position is not None:
            self._broker.commit(self._life, self._position)


class Publishing:
    """The publisher of one process."""

    def __init__(self, broker: Broker, life: Life, weather: Weather, struck: Counter[str]) -> None:
        self._broker, self._life, self._weather, self._struck = broker, life, weather, struck

    async def n_partitions(self, topic: str) -> int:
        """Return how many partitions a topic has."""
        return N_PARTITIONS

    async def publish(self, topic: str, partition: int, records: Sequence[Outgoing]) -> int | None:
        """Append records in their order; where an acknowledgement is lost, all of them, some or none are there."""
        await self._life.reach(f"before {TOPICS[topic]}")
        fault = self._weather.at_the_broker()
        if fault != "none":
            self._struck[f"acknowledgement {fault}"] += 1
        n_there = self._weather.chance.randrange(len(records)) if fault == "lost, as is the rest" else len(records)
        delay_s = self._weather.chance.uniform(PATIENCE_S, LATEST_S) if fault == "late" else 0.0
        asyncio.get_running_loop().call_later(delay_s, self._broker.append, topic, partition, records[:n_there])
        if fault != "none":
            await asyncio.sleep(PATIENCE_S)
        await self._life.reach(f"after {TOPICS[topic]}")
        if fault != "none":
            raise Unavailable(f"kafka: {topic}/{partition}: acknowledgement {fault}")
        return None
