"""Where it all takes place: the servers, their proxies, the load, the workers, and what is noted of each row."""

import contextlib
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, Self
from uuid import uuid4

from tests.chaos.around.processes import Fleet, until
from tests.chaos.around.proxy import HOST, Proxy
from tests.chaos.around.servers import Broker, Valkey
from tests.chaos.around.watching import Onlooker
from tests.chaos.load import Load
from tests.chaos.options import Options
from tests.chaos.oracle.census import Census
from tests.chaos.oracle.judging import Judgement
from tests.chaos.oracle.looking import look
from tests.outside.comparison import Discrepancy
from tests.outside.counter import verifier
from tests.outside.manifest import Sent
from tests.servers.detect import Deployment
from tests.servers.topics import create_topics, fresh_topics

from menshen.shell.embedded.servers import free_port

Figures = dict[str, Any]


class Scene(NamedTuple):
    """A deployment apart, whose load has been appended."""

    deployment: Deployment
    watch: Onlooker
    fleet: Fleet
    load: Load

    def drained(self, patience_s: float = 60.0) -> None:
        """Wait until everything is judged."""
        until(lambda: self.watch.lag() == 0, "the lag does not go down", patience_s)

    def judge(self, sent: Sequence[Sent]) -> list[Discrepancy]:
        """Hold the topics against lines on what was sent."""
        judgement, bootstrap = Judgement(), self.deployment.kafka.bootstrap_servers
        look(bootstrap, sent, verifier(self.deployment.keys_file.read_bytes()), judgement, Census())
        return judgement.discrepancies


class Backup(NamedTuple):
    """A copy of what Redis keeps, and when it was made, on the clock of waiting; endless where it was not."""

    folder: Path
    made_s: float

    @property
    def age_s(self) -> float:
        """How old it is."""
        return time.monotonic() - self.made_s


class Stage:
    """One deployment under load. Workers reach Redis through a proxy always, Kafka through one if told to."""

    def __init__(self, options: Options, folder: Path, told: Callable[[str], None]) -> None:
        self.options, self.folder, self.tell = options, folder, told
        self.chance = Random(options.seed)
        self.tenant = f"t{uuid4().hex[:10]}"
        self.broker, self.redis = Broker(folder / "kafka"), Valkey(folder / "redis")
        self.redis_proxy = Proxy(free_port(), self.redis.port, options.seed)
        self.crash_points: Counter[str] = Counter()
        self.backup = Backup(folder / "backup", made_s=math.inf)
        self.takeover_s: dict[str, list[float]] = {"survivor": [], "restarted": []}
        self._running = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as starting:
            starting.enter_context(self.broker.proxy)
            starting.enter_context(self.redis_proxy)
            starting.enter_context(self.broker)
            starting.callback(self._stop_redis)
            self.redis.start()
            create_topics(self.broker.running)
            url = f"redis://{HOST}:{self.redis_proxy.port}/0"
            self.deployment = Deployment(self.broker.running, url, self.tenant, self.folder)
            self.deployment.settings["MENSHEN_LOG_LEVEL"] = "warning"
            self.watch = Onlooker(self.broker.direct, self.deployment.settings["MENSHEN_GROUP_ID"])
            starting.callback(self.watch.close)
            self.fleet = starting.enter_context(Fleet(self.deployment, self.options.mutation))
            options = self.options
            self.load = Load(self.broker.direct, n_events=options.events, rate=options.rate, seed=options.seed)
            starting.enter_context(self.load)
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def _stop_redis(self) -> None:
        """Stop the one that holds the state now, which may be another than at the start."""
        self.redis.stop()

    @property
    def behind(self) -> dict[str, str]:
        """The setting of a worker that reaches Kafka through its proxy."""
        return {"kafka_bootstrap_servers": self.broker.behind}

    def drained(self, patience_s: float = 120.0, at_most: int | None = None) -> float:
        """Wait until the group has caught up with the load, and return how long that took."""
        most = self.options.rate * 2 if at_most is None else at_most
        return until(lambda: self.watch.lag() <= most, "the lag does not go down", patience_s, pause_s=0.25)

    def rebuilt(self, patience_s: float) -> float:
        """Wait until Redis holds again what the group had caught up with, and return how long that took.

        What is committed is not taken back where Redis forgets, so that the group's lag says nothing about it.
        """
        ends = self.watch.positions()

        def behind() -> int:
            marks = self.marks()
            return sum(end - 1 - marks[partition] for partition, (end, _) in ends.items())

        return until(lambda: behind() <= 0, "the state is not built again", patience_s, pause_s=0.25)

    def marks(self) -> dict[int, int]:
        """Return the offset of the newest event that Redis has, by partition; -1 where it has none."""
        slots = {number: f"{{{self.tenant}:{number}}}:slot" for number in self.watch.positions()}
        with self.redis_client() as redis:
            return {number: int(redis.hget(slot, "mark") or -1) for number, slot in slots.items()}

    def judged(self, n: int, patience_s: float = 60.0) -> float:
        """Wait until the group has taken note of `n` records more, and return how long that took."""
        self.load.must_go_on()
        begun = self._n_committed()
        return until(lambda: self._n_committed() >= begun + n, f"{n} events more are not judged", patience_s)

    def _n_committed(self) -> int:
        return sum(position for _, position in self.watch.positions().values())

    def pause(self, seconds: float) -> None:
        """Let things go on as they are."""
        time.sleep(seconds)

    @contextmanager
    def apart(self, n_events: int) -> Iterator["Scene"]:
        """Yield a scene with topics and a tenant of its own, where a load lies in the log and nobody has worked yet."""
        with fresh_topics(self.broker.running) as kafka, contextlib.ExitStack() as opened:
            folder = self.folder / f"apart-{uuid4().hex[:6]}"
            folder.mkdir()
            deployment = Deployment(kafka, self.redis.url, f"t{uuid4().hex[:10]}", folder)
            deployment.settings["MENSHEN_LOG_LEVEL"] = "warning"
            watch = Onlooker(self.broker.direct, deployment.settings["MENSHEN_GROUP_ID"])
            opened.callback(watch.close)
            fleet = opened.enter_context(Fleet(deployment, self.options.mutation))
            opened.callback(lambda: self.fleet.take_over_figures_of(fleet))
            scene = Scene(deployment, watch, fleet, self._filled(n_events))
            yield scene

    def _filled(self, n_events: int) -> Load:
        load = Load(self.broker.direct, n_events=n_events, rate=1e6, seed=self.options.seed + n_events)
        with load:
            load.finish()
        return load

    @contextmanager
    def redis_client(self) -> Iterator[Any]:
        """Yield a client of the Redis that holds the state now, past the proxy."""
        with contextlib.closing(self.redis.client()) as client:
            yield client
