"""The consumer group: who is in it, what falls to whom, and the consumer that is told."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import count
from random import Random
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError, KafkaTimeoutError
from tests.simulation.event_loop import OUTSIDE, PROCESS, Process
from tests.simulation.ports.log import N_PARTITIONS, Record, Topics
from tests.simulation.ports.wire import Wire

from menshen.contract.topics import EVENTS


class Member:
    """One membership of one consumer: it ends when the group has had enough of its silence."""

    def __init__(self, number: int, process: Process, instance: str | None, consumer: "SimulatedConsumer") -> None:
        self.number, self.process, self.instance, self.consumer = number, process, instance, consumer
        self.generation = 0
        self.partitions: tuple[int, ...] = ()
        self.joined: asyncio.Future[None] | None = None

    @property
    def name(self) -> str:
        return self.instance or f"~{self.number}"


class Group:
    """The coordinator. All members stop and join anew when one comes or goes, but for a static one that comes back."""

    def __init__(self, chance: Random, session_s: float) -> None:
        self._chance, self._session_s = chance, session_s
        self._numbers = count()
        self._preparing: asyncio.TimerHandle | None = None
        self.members: list[Member] = []
        self.generation = 0
        self.committed: dict[int, int] = {}

    def join(self, member: Member) -> "asyncio.Future[None]":
        """Take a member in, or back; the answer comes when all have joined."""
        joined = member.joined = member.joined or asyncio.get_running_loop().create_future()
        before = next((m for m in self.members if m.instance and m.instance == member.instance), None)
        if before and before is not member:
            self.members[self.members.index(before)] = member
            if not self._preparing:
                self._admit(member, before.partitions)
                return joined
        elif member not in self.members:
            self.members.append(member)
        self._prepare()
        self._complete_if_all_are_there()
        return joined

    def leave(self, member: Member) -> None:
        """Let a member go; the others share what it had."""
        if member in self.members:
            self.members.remove(member)
            if member.process.state != "dead":
                self._notify(member)
            self._prepare()
            self._complete_if_all_are_there()

    def fell_silent(self, process: Process) -> None:
        """Begin to count: a process that was stopped or killed sends no heartbeats."""
        loop = asyncio.get_running_loop()
        process.quiet_since_s = loop.time()
        loop.call_later(self._session_s, self._expire, process, loop.time(), context=OUTSIDE)

    def commit(self, member: Member, generation: int, offsets: Mapping[int, int]) -> None:
        if member not in self.members or generation != self.generation:
            raise CommitFailedError
        self.committed |= offsets

    def new_member(self, instance: str | None, consumer: "SimulatedConsumer") -> Member:
        return Member(next(self._numbers), PROCESS.get(), instance, consumer)

    def rebalance(self) -> None:
        """Have all join anew, for no reason."""
        if self.members:
            self._prepare()

    @property
    def settled(self) -> bool:
        """Say whether every member has its share and runs."""
        return bool(self.members) and not self._preparing and all(m.process.runs for m in self.members)

    def _expire(self, process: Process, since_s: float) -> None:
        if not process.runs and process.quiet_since_s == since_s:
            for member in [m for m in self.members if m.process is process]:
                self.leave(member)

    def _prepare(self) -> None:
        if self._preparing or not self.members:
            return
        loop = asyncio.get_running_loop()
        self._preparing = loop.call_later(self._session_s, self._go_without_laggards, context=OUTSIDE)
        for member in self.members:
            if not member.joined:
                self._notify(member)

    def _notify(self, member: Member) -> None:
        """Tell a member to join anew, with its next heartbeat; a stopped one hears of it when it goes on."""
        after_s = self._chance.random() * self._session_s / 4
        loop = asyncio.get_running_loop()
        loop.call_later(after_s, member.consumer.rejoin, member, context=member.process.context.copy())

    def _go_without_laggards(self) -> None:
        for member in [m for m in self.members if not m.joined]:
            self.members.remove(member)
            self._notify(member)
        self._complete_if_all_are_there()

    def _complete_if_all_are_there(self) -> None:
        if not self._preparing or not all(m.joined for m in self.members):
            return
        self._preparing.cancel()
        self._preparing = None
        self.generation += 1
        present = sorted(self.members, key=lambda m: m.name)
        shares = _ranges(len(present))
        for member, share in zip(present, shares, strict=True):
            self._admit(member, share)

    def _admit(self, member: Member, partitions: tuple[int, ...]) -> None:
        member.generation, member.partitions = self.generation, partitions
        if member.joined and not member.joined.done():
            member.joined.set_result(None)
        member.joined = None


def _ranges(n_members: int) -> list[tuple[int, ...]]:
    """Return the partitions of each member, as the range assignor shares them out."""
    shares, first = list[tuple[int, ...]](), 0
    for i in range(n_members):
        n = N_PARTITIONS // n_members + (i < N_PARTITIONS % n_members)
        shares.append(tuple(range(first, first + n)))
        first += n
    return shares


class SimulatedConsumer:
    """What the worker uses of `AIOKafkaConsumer`."""

    def __init__(self, group: Group, topics: Topics, wire: Wire, chance: Random, instance: str | None) -> None:
        self._group, self._topics, self._wire, self._chance = group, topics, wire, chance
        self._instance = instance
        self._listener: Any = None
        self._positions: dict[int, int] = {}
        self._paused: set[int] = set()
        self._reassigning = True
        self._rejoin = asyncio.Event()
        self._changed = asyncio.Event()
        self._member: Member | None = None
        self._coordination: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._ask("start of the consumer", lambda: None)

    async def stop(self) -> None:
        if self._coordination:
            self._coordination.cancel()
        if (member := self._member) and not self._instance:
            await self._ask("leave", lambda: self._group.leave(member))

    def subscribe(self, topics: list[str], listener: Any) -> None:
        assert topics == [EVENTS]
        self._listener = listener
        self._rejoin.set()
        self._coordination = asyncio.get_running_loop().create_task(self._coordinate())

    def rejoin(self, member: Member) -> None:
        """The group says so, with a heartbeat."""
        if member is self._member:
            self._rejoin.set()

    def wake(self) -> None:
        """There may be something to fetch."""
        self._changed.set()

    def assignment(self) -> frozenset[TopicPartition]:
        return frozenset(TopicPartition(EVENTS, number) for number in self._positions)

    def pause(self, *places: TopicPartition) -> None:
        self._paused |= self._assigned(places)

    def resume(self, *places: TopicPartition) -> None:
        self._paused -= self._assigned(places)
        self.wake()

    def seek(self, where: TopicPartition, offset: int) -> None:
        self._assigned([where])
        self._positions[where.partition] = offset

    def partitions_for_topic(self, topic: str) -> set[int]:
        return set(range(N_PARTITIONS))

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int, max_records: int
    ) -> dict[TopicPartition, list[Record]]:
        loop = asyncio.get_running_loop()
        while self._reassigning:
            self._changed.clear()
            await self._changed.wait()
        until_s = loop.time() + timeout_ms / 1000
        while not (found := self._fetched(partitions, max_records)) and (left_s := until_s - loop.time()) > 0:
            self._changed.clear()
            timer = loop.call_later(left_s, self._changed.set)
            await self._changed.wait()
            timer.cancel()
        return found

    async def committed(self, where: TopicPartition) -> int | None:
        return await self._ask("committed", lambda: self._group.committed.get(where.partition))

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        self._assigned(offsets)
        member = self._member
        assert member
        numbers, generation = {where.partition: offset for where, offset in offsets.items()}, member.generation
        await self._ask(f"commit {numbers}", lambda: self._group.commit(member, generation, numbers))

    async def _ask(self, what: str, effect: Callable[[], Any]) -> Any:
        return await self._wire.call(what, effect, KafkaTimeoutError, may_be_late=False)

    def _assigned(self, places: Collection[TopicPartition]) -> set[int]:
        numbers = {where.partition for where in places}
        if numbers - self._positions.keys():
            raise IllegalStateError(f"{places} are not assigned")
        return numbers

    def _fetched(self, of: Sequence[TopicPartition], max_records: int) -> dict[TopicPartition, list[Record]]:
        found: dict[TopicPartition, list[Record]] = {}
        numbers = [] if self._reassigning else sorted(self._positions.keys() - self._paused)
        if of:
            numbers = sorted({where.partition for where in of} & {*numbers})
        for number in self._chance.sample(numbers, len(numbers)):
            stretch = self._topics.of(EVENTS, number)
            if not stretch.first <= self._positions[number] <= stretch.end:
                self._positions[number] = stretch.first
            at = self._positions[number]
            if records := stretch.read(at, at + max_records):
                found[TopicPartition(EVENTS, number)] = records
                self._positions[number] += len(records)
                max_records -= len(records)
        return found

    async def _coordinate(self) -> None:
        """Join whenever the group asks for it, as the client's own background task does."""
        while True:
            await self._rejoin.wait()
            self._rejoin.clear()
            self._reassigning = True
            await self._listener.on_partitions_revoked(self.assignment())
            try:
                await self._join()
            except KafkaError:
                await asyncio.sleep(0.02)
                self._rejoin.set()
                continue
            self._reassigning = False
            await self._listener.on_partitions_assigned(self.assignment())
            self.wake()

    async def _join(self) -> None:
        if not self._member or self._member not in self._group.members:
            self._member = self._group.new_member(self._instance, self)
        member = self._member
        await (await self._ask("join", lambda: self._group.join(member)))
        committed = await self._ask("committed", lambda: dict(self._group.committed))
        self._positions = {number: committed.get(number, 0) for number in member.partitions}
        self._paused.clear()
