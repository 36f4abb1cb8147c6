"""Where the log is told again and again: one broker, its topics, a fresh Valkey and a fresh group for each telling."""

import contextlib
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Self
from uuid import uuid4

from tests.chaos.around.servers import Valkey
from tests.chaos.around.watching import Onlooker
from tests.chaos.inside.retelling import read_told
from tests.chaos.load import Load
from tests.chaos.oracle.state import State, read_state
from tests.replay.books import TOPICS, Book
from tests.servers.detect import Deployment
from tests.servers.kafka import Kafka, run_jars

from menshen.shell.embedded.servers import free_port
from menshen.shell.kafka.topics import catalogue, overridden

TELLING = "tests.replay.telling"
FASTEST, SHORTEST_S = 10_000, 10.0
"""Events a second at the most, and seconds at the least, while the log is filled."""
LOOK_S, TELL_S = 0.2, 10.0
EVENTS_A_S = 100
"""Fewer than so many events a second from a telling, and it is given up."""


class Told(NamedTuple):
    """What a telling left: its records if it told them into files, the state in Redis, and how long it took."""

    book: Book
    state: State
    seconds: float


class House:
    """One log of events and all that is made of it. `partitions` is how many each topic has."""

    def __init__(self, folder: Path, partitions: int, say: Callable[[str], None]) -> None:
        self.folder, self.partitions, self._say = folder, partitions, say
        self._running = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.kafka: Kafka = self._running.enter_context(run_jars(free_port(), self.folder / "kafka"))
        for topic in overridden(catalogue(), partitions=self.partitions):
            self.kafka.create_topic(topic.name, topic.partitions, **topic.settings)
        self._deployment = Deployment(self.kafka, "", f"t{uuid4().hex[:10]}", self.folder)
        self._deployment.settings["MENSHEN_LOG_LEVEL"] = "warning"
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def fill(self, n_events: int, seed: int) -> int:
        """Append events, so slowly that the broker dates them one by one; return how many records there are."""
        rate = min(FASTEST, n_events / SHORTEST_S)
        with Load(self.kafka.bootstrap_servers, n_events=n_events, rate=rate, seed=seed) as load:
            while load.n_appended < n_events:
                time.sleep(LOOK_S)
            load.finish()
        self._say(f"{load.n_appended} records")
        return load.n_appended

    def judge(self, n_workers: int, **settings: object) -> Told:
        """Have workers as shipped judge the whole log from an empty Redis."""
        return self._tell((), n_workers, settings)

    def retell(self, n_workers: int, *without: str, **settings: object) -> Told:
        """Have workers tell the whole log into files from an empty Redis."""
        folder = self.folder / f"told-{uuid4().hex[:6]}"
        folder.mkdir()
        told = self._tell((TELLING, "--into", str(folder), *without), n_workers, settings)
        records = (told for topic in TOPICS for n in range(self.partitions) for told in read_told(folder, topic, n))
        book = Book(record.value or b"" for record in records)
        shutil.rmtree(folder)
        return told._replace(book=book)

    def _tell(self, module: Sequence[str], n_workers: int, settings: dict[str, object]) -> Told:
        group = f"g{uuid4().hex[:6]}"
        with contextlib.ExitStack() as running:
            redis = running.enter_context(Valkey(self.folder / f"redis-{group}"))
            watch = running.enter_context(contextlib.closing(Onlooker(self.kafka.bootstrap_servers, group)))
            given = {"redis_url": redis.url, "group_id": group, "audit_interval_ms": 0, **settings}
            started_s = time.monotonic()
            for _ in range(n_workers):
                running.enter_context(self._deployment.worker(module or ("menshen.cli",), **given))
            self._wait(watch)
            seconds = time.monotonic() - started_s
            with contextlib.closing(redis.client()) as client:
                return Told(Book(()), read_state(client, self._deployment.tenant), seconds)

    def _wait(self, watch: Onlooker) -> None:
        begun_s = said_s = time.monotonic()
        most_s = 120 + sum(end for end, _ in watch.positions().values()) / EVENTS_A_S
        while lag := watch.lag():
            now_s = time.monotonic()
            assert now_s - begun_s < most_s, f"{lag} events are not judged within {most_s:.0f} s"
            if now_s - said_s > TELL_S:
                said_s = now_s
                self._say(f"  {lag} events are left")
            time.sleep(LOOK_S)
