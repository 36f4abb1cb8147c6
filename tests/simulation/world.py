"""One run: customers, workers, servers and weather, until it is calm and everything has been judged and saved."""

import asyncio
from random import Random
from typing import NamedTuple

from tests.simulation.deployment import N_WORKERS, SESSION_S, Deployment, Servers
from tests.simulation.event_loop import Process, VirtualLoop
from tests.simulation.ports.group import Group
from tests.simulation.ports.log import N_PARTITIONS, Stretch, Topics
from tests.simulation.ports.redis import SimulatedRedis
from tests.simulation.ports.wire import Wire
from tests.simulation.weather import SeededWeather
from tests.simulation.workload import Crowd

from menshen.contract.topics import ASSESSMENTS, EVENTS, VERDICTS

TENANT = "simulated"
LONGEST_STOP_S = 2.0
LONGEST_GAP_S = 0.25
REST_WITHIN_S = 120.0
STEPS_BACK = (1, 1, 2, 2, 3, 4, 6, 9)
LOSS = "Redis lost the tail of partitions "


class Step(NamedTuple):
    """One line of the trace."""

    at_s: float
    who: str
    what: str

    def __str__(self) -> str:
        return f"{self.at_s:9.4f} {self.who:5s} {self.what}"


class World:
    """All that there is in a run: events and faults come over time, then it is calm, and the last events come."""

    def __init__(self, seed: int, family: str, loop: VirtualLoop) -> None:
        self._chance = Random(f"world {seed}")
        self._loop = loop
        self.trace: list[Step] = []
        self.topics = Topics(loop.time)
        self.redis = SimulatedRedis(Random(f"redis {seed}"))
        self.group = Group(Random(f"group {seed}"), SESSION_S)
        self.weather = SeededWeather(Random(f"weather {seed}"), family, self)
        wire = Wire(Random(f"wire {seed}"), self.weather, self.tell)
        servers = Servers(self.topics, self.group, self.redis, wire)
        self.deployment = Deployment(Random(f"deployment {seed}"), servers, self.tell)
        self._crowd = Crowd(Random(f"crowd {seed}"))
        self._accepts = self._chance.random() < 0.5
        self.accepted: dict[int, Accepted] = {}
        self.came_to_rest = False
        self.topics.on_event = self._wake_consumers

    def tell(self, who: str, what: str) -> None:
        """Take note of a step."""
        self.trace.append(Step(self._loop.time(), who, what))

    async def live(self) -> None:
        """Let everything happen."""
        for place in range(N_WORKERS):
            self.deployment.start(place)
        for partition in self._plan():
            await asyncio.sleep(self._chance.random() ** 3 * LONGEST_GAP_S)
            self._append(partition)
        await asyncio.sleep(self._chance.random())
        await self._calm_down()

    def _plan(self) -> list[int]:
        """Return on which partition one event after the other comes."""
        plan = [partition for partition in range(N_PARTITIONS) for _ in range(self._chance.randint(5, 12))]
        self._chance.shuffle(plan)
        return plan

    def _append(self, partition: int, *, question: bool = False) -> None:
        make = self._crowd.question if question else self._crowd.record
        record = make(partition, self.topics.now_ms())
        end = self.topics.append(self.topics.of(EVENTS, partition), [record], "world", self._loop.time())
        self.tell("world", f"event {partition}/{end - 1}")

    async def _calm_down(self) -> None:
        """End the faults, bring the last events, wait for rest; zombies wake at the beginning of it, or later."""
        self.weather.calm = True
        self.tell("world", "calm")
        for place in range(N_WORKERS):
            self.deployment.start(place)
        for partition in range(N_PARTITIONS):
            self._append(partition, question=True)
        for process in self._stopped():
            if self._chance.random() < 0.5:
                self.deployment.go_on(process)
        await asyncio.sleep(2 * SESSION_S)
        for process in self._stopped():
            self.deployment.go_on(process)
        await asyncio.sleep(2 * SESSION_S)
        if self._accepts:
            self._accept_gaps()
        self.came_to_rest = await self._rest()
        self.tell("world", "rest" if self.came_to_rest else "no rest")

    def _stopped(self) -> list[Process]:
        return [p for p, _, _ in list(self.deployment.running.values()) if p.state == "stopped"]

    async def _rest(self) -> bool:
        until_s = self._loop.time() + REST_WITHIN_S
        while self._loop.time() < until_s:
            if self.group.settled and all(self._at_rest(number) for number in range(N_PARTITIONS)):
                return True
            await asyncio.sleep(0.1)
        return False

    def _at_rest(self, number: int) -> bool:
        end = self.topics.of(EVENTS, number).end
        done = self.mark(number) == end - 1 and self.group.committed.get(number) == end
        return done or (number in self.degraded() and self.gap(number))

    def degraded(self) -> dict[int, str]:
        """Return the partitions that their worker will not go on with, and why."""
        workers = [worker for _, worker, _ in self.deployment.running.values()]
        return {p: why for worker in workers for p, why in worker.waiting.items() if "DEGRADED" in why}

    def slot(self, number: int) -> dict[str, bytes]:
        slot: dict[str, bytes] = self.redis.get(f"{{{TENANT}:{number}}}:slot") or {}
        return slot

    def mark(self, number: int) -> int:
        return int(self.slot(number).get("mark", -1))

    def gap(self, number: int) -> bool:
        """Say whether the log has lost events that the state does not include."""
        return self.topics.of(EVENTS, number).first > self.mark(number) + 1

    def _wake_consumers(self) -> None:
        for process, _, consumer in self.deployment.running.values():
            self._loop.call_later(self._chance.random() * 0.003, consumer.wake, context=process.context.copy())

    def _accept_gaps(self) -> None:
        """Do as an operator with `menshen gaps --accept`."""
        for number in filter(self.gap, range(N_PARTITIONS)):
            log = self.topics.of(EVENTS, number)
            tag = f"{TENANT}:{number}"
            self.accepted[number] = Accepted(
                log.first,
                dict(self.redis.of(tag)),
                self.topics.of(ASSESSMENTS, number).end,
                self.topics.of(VERDICTS, number).end,
            )
            self.redis.script("accept", [f"{{{tag}}}:slot"], [log.first - 1])
            self.tell("world", f"accepted: partition {number} goes on at {log.first}")
        if self.accepted and self._chance.random() < 0.8:
            for place in range(N_WORKERS):
                self.deployment.drain(place)

    def crash(self, process: Process) -> None:
        self.deployment.kill(process)

    def stop(self, process: Process) -> None:
        self.deployment.stop(process, self._chance.choice((0.1, 0.3, 1.0)) * self._chance.random() * LONGEST_STOP_S)

    def happen(self, fault: str) -> None:
        match fault:
            case "rebalance":
                self._reshuffle()
            case "tail":
                self._fall_back([n for n in range(N_PARTITIONS) if self._chance.random() < 0.5])
            case "shared_lost":
                tags = [tag for tag in self.redis.tags() if "shared" in tag]
                self.redis.fall_back(tags, self._chance.choice((1, 3, 10, 1000)))
                self.redis.start_anew()
                self.tell("world", "Redis lost shared entries")
            case "emptied":
                self.redis.empty()
                self._perhaps_start_anew()
                self.tell("world", f"{LOSS}{list(range(N_PARTITIONS))}, and everything else")
            case "cut":
                self._cut(self.topics.of(EVENTS, self._chance.randrange(N_PARTITIONS)))

    def _fall_back(self, numbers: list[int]) -> None:
        n_steps = self._chance.choice(STEPS_BACK)
        self.redis.fall_back([f"{TENANT}:{number}" for number in numbers], n_steps)
        self._perhaps_start_anew()
        self.tell("world", f"{LOSS}{numbers}, {n_steps} steps")

    def _perhaps_start_anew(self) -> None:
        """Break the connections, or not: what an operator restores or flushes goes without a word."""
        if self._chance.random() < 0.5:
            self.redis.start_anew()

    def _reshuffle(self) -> None:
        if self._chance.random() < 0.5:
            self.tell("world", "rebalance")
            self.group.rebalance()
        else:
            self.deployment.drain(self._chance.randrange(N_WORKERS))

    def _cut(self, log: Stretch) -> None:
        """Let retention take what the state includes, and now and then one more."""
        most = min(self.mark(log.partition) + 1 + (self._chance.random() < 0.1), log.end)
        log.first = max(log.first, self._chance.randint(0, most))
        self.tell("world", f"partition {log.partition} is cut off before {log.first}")


class Accepted:
    """Where a partition stood when an operator accepted a gap: log, keys in Redis, how much was published."""

    def __init__(self, first: int, keys: dict[str, object], n_assessments: int, n_verdicts: int) -> None:
        self.first, self.keys = first, keys
        self.n_assessments, self.n_verdicts = n_assessments, n_verdicts
