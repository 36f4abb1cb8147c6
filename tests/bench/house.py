"""Where a benchmark runs: a broker from Apache's jars, the events in its log, and a Redis with everybody's past."""

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tests.bench.measuring import Ends
from tests.servers.detect import Deployment, Worker
from tests.servers.kafka import Kafka, run_jars

from menshen.bench.crowd import Crowd
from menshen.bench.seeding import seed, worker_keys
from menshen.contract.topics import ASSESSMENTS, VERDICTS
from menshen.shell.embedded.servers import EmbeddedValkey, free_port
from menshen.shell.kafka.topics import catalogue, overridden

PARTITIONS = 6
TENANT = "bench"
ROOT = Path(__file__).parents[2]


class House:
    """One broker with the product's topics, and what runs beside it."""

    def __init__(self, folder: Path, crowd: Crowd, say: Callable[[str], None], *, partitions: int = PARTITIONS) -> None:
        self.folder, self.crowd, self.say, self.partitions = folder, crowd, say, partitions
        self._running = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.folder.mkdir()
        self.kafka: Kafka = self._running.enter_context(run_jars(free_port(), self.folder / "kafka"))
        for topic in overridden(catalogue(), partitions=self.partitions):
            self.kafka.create_topic(topic.name, topic.partitions, **topic.settings)
        self.settings = {topic.name: topic.settings for topic in catalogue()}
        self.ends = self._running.enter_context(contextlib.closing(Ends(self.kafka.bootstrap_servers)))
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def output_topics(self, name: str) -> tuple[str, str]:
        """Create topics for a contestant's assessments and verdicts, set up as the product's are."""
        for what, like in (("assessments", ASSESSMENTS), ("verdicts", VERDICTS)):
            self.kafka.create_topic(f"{name}.{what}", self.partitions, **self.settings[like])
        return f"{name}.assessments", f"{name}.verdicts"

    @contextmanager
    def valkey(self, name: str) -> Iterator[EmbeddedValkey]:
        """Run a Valkey that appends to its file, as a deployment would."""
        with EmbeddedValkey(self.folder / f"valkey-{name}") as server:
            yield server

    def deployment(self, valkey: EmbeddedValkey, name: str) -> Deployment:
        """Return workers as shipped, and give Redis everybody's past under their keys."""
        (self.folder / name).mkdir()
        deployment = Deployment(self.kafka, valkey.url, TENANT, self.folder / name)
        deployment.settings["MENSHEN_GROUP_ID"] = name
        key = worker_keys(deployment.settings["MENSHEN_PEPPER"], TENANT, self.partitions)
        seed(valkey.url, self.crowd, key)
        return deployment


class Contestant:
    """A program of `contestants` as a process, by another Python if told so."""

    def __init__(self, module: str, arguments: list[str], log: Path, python: str = sys.executable) -> None:
        self._command = [python, "-m", f"tests.bench.contestants.{module}", *arguments]
        self._log = log

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            environment = {"PYTHONPATH": f"{ROOT / 'services'}:{ROOT}", "PATH": "/usr/bin:/bin"}
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=environment)
        self.pid = self._process.pid
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def must_run(self) -> None:
        """Raise where it has ended."""
        if self._process.poll() is not None:
            raise RuntimeError(
                f"{self._command[2]} ended with {self._process.returncode}: {self._log.read_text()[-2000:]}"
            )


def must_run(worker: Worker) -> None:
    """Raise where a worker has ended."""
    if worker.ended() is not None:
        raise RuntimeError(f"menshen detect ended with {worker.ended()}: {worker.output()[-2000:]}")
