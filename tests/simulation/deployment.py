"""The workers of a run: real ones, each in a simulated process; they are started, ended and started anew."""

import asyncio
from collections.abc import Callable
from functools import cache
from random import Random
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.simulation.event_loop import OUTSIDE, Process
from tests.simulation.ports.group import Group, SimulatedConsumer
from tests.simulation.ports.log import SimulatedPublisher, SimulatedReader, Topics
from tests.simulation.ports.redis import SimulatedRedis, SimulatedStore, redis_outage
from tests.simulation.ports.wire import Wire

from menshen.detect.loop import Loop, Ports
from menshen.detect.ownership.takeover import Takeover
from menshen.detect.rules import Rulebook, load_rules
from menshen.detect.shedding import Shedding
from menshen.detect.worker import Worker
from menshen.fraud.step import Rules
from menshen.shell.geo import GeoBase
from menshen.shell.settings import DetectSettings, read_settings
from menshen.shell.signing import Signer

N_WORKERS = 3
SESSION_S = 0.2
LONGEST_DOWN_S = 0.8
LEAST_DOWN_S = 0.02
"""Longer than anything is on its way: what a dead process sent has arrived when the next one starts."""


@cache
def settings() -> DetectSettings:
    """Return what all workers are told, and one whose session is as short as a run."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    given = {"TENANT": "simulated", "PEPPER": "p" * 16, "SIGNING_KEY": pem, "SHARED_SHARDS": "2"}
    read = read_settings(DetectSettings, {f"MENSHEN_{name}": text for name, text in given.items()})
    return read.model_copy(update={"session_timeout_ms": int(SESSION_S * 1000)})


@cache
def rules() -> Rules:
    """Return the shipped policy, model and detectors."""
    return load_rules(settings(), "")


@cache
def signer() -> Signer:
    """Return the signer of all workers."""
    return Signer(settings().signing_key.get_secret_value())


class Servers(NamedTuple):
    """What workers stand between."""

    topics: Topics
    group: Group
    redis: SimulatedRedis
    wire: Wire


class Deployment:
    """Runs `N_WORKERS` workers, and starts one anew that has ended. `ended_by` are errors that no worker may raise."""

    def __init__(self, chance: Random, servers: Servers, tell: Callable[[str, str], None]) -> None:
        self._chance, self._servers, self._tell = chance, servers, tell
        self._static = chance.random() < 0.5
        self._starts = 0
        self.running: dict[int, tuple[Process, Worker, SimulatedConsumer]] = {}
        self.ended_by: list[str] = []

    def start(self, place: int) -> None:
        """Start the worker of a place, if none is there."""
        if place in self.running:
            return
        self._starts += 1
        process = Process(f"w{place}.{self._starts}")
        self._tell(process.name, "starts")
        asyncio.get_running_loop().create_task(self._run(place, process), context=process.context.copy())

    async def _run(self, place: int, process: Process) -> None:
        topics, group, redis, wire = self._servers
        chance, instance = self._chance, f"i{place}" if self._static else None
        told = settings().model_copy(
            update={
                "batch_max": chance.randint(1, 4),
                "save_interval_ms": chance.choice((20, 200, 500)),
                "shed_after_ms": chance.choice((0, 0, 10, 100)),
            }
        )
        store = SimulatedStore(told, redis, lambda what, effect: wire.call(what, effect, redis_outage), chance)
        publisher, reader = SimulatedPublisher(topics, wire), SimulatedReader(topics, wire)
        consumer = SimulatedConsumer(group, topics, wire, chance, instance)
        loop = Loop(
            Rulebook(rules()),
            Ports(store, publisher, signer(), GeoBase(None)),
            Shedding(told.shed_after_ms, topics.now_ms),
        )
        worker = Worker(told, consumer, loop, Takeover(store, reader))
        self.running[place] = process, worker, consumer
        try:
            await worker.run()
        except Exception as error:  # noqa: BLE001  # as the process would: it ends
            self.ended_by.append(f"{process.name}: {error!r}")
        self._end(place, process)

    def kill(self, process: Process) -> None:
        """End a process at once."""
        self._tell(process.name, "is killed")
        place = next((p for p, (running, _, _) in self.running.items() if running is process), None)
        process.state = "dead"
        self._servers.group.fell_silent(process)
        if place is not None:
            self._end(place, process)

    def stop(self, process: Process, for_s: float) -> None:
        """Stop a process, and let it go on after a while."""
        self._tell(process.name, f"is stopped for {for_s:.3f} s")
        process.state = "stopped"
        self._servers.group.fell_silent(process)
        asyncio.get_running_loop().call_later(for_s, self.go_on, process, context=OUTSIDE)

    def go_on(self, process: Process) -> None:
        """Let a stopped process go on."""
        if process.state == "stopped":
            self._tell(process.name, "goes on")
            process.state = "runs"
            asyncio.get_running_loop().go_on(process)

    def drain(self, place: int) -> None:
        """Ask a worker to end, as SIGTERM does."""
        if place in self.running:
            process, worker, _ = self.running[place]
            self._tell(process.name, "is asked to end")
            worker.stop()

    def _end(self, place: int, process: Process) -> None:
        if process.state != "dead":
            process.state = "dead"
            self._servers.group.fell_silent(process)
        self.running.pop(place, None)
        down_s = LEAST_DOWN_S + self._chance.random() ** 2 * LONGEST_DOWN_S
        asyncio.get_running_loop().call_later(down_s, self.start, place, context=OUTSIDE)
