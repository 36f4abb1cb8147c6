"""A broker and a Valkey that can be stopped, killed and started again where they were, each with a proxy before it."""

import contextlib
import os
import shutil
import signal
from contextlib import AbstractContextManager
from pathlib import Path
from random import Random
from typing import Any, Self

from redis import Redis
from tests.chaos.around.processes import until
from tests.chaos.around.proxy import HOST, Proxy
from tests.servers.kafka import Kafka, run_jars

from menshen.shell.embedded.servers import EmbeddedValkey, free_port


class _Restartable:
    """A server in a folder of its own; `running` is what its context manager gave."""

    def __init__(self) -> None:
        self.running: Any = None
        self._held = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> AbstractContextManager[Any]:
        raise NotImplementedError

    def start(self) -> None:
        """Start it, and return once it answers."""
        self.running = self._held.enter_context(self._run())

    def stop(self) -> None:
        """End it in good order."""
        self._held.close()

    def kill(self) -> None:
        """End it with SIGKILL."""
        os.kill(self.running.pid, signal.SIGKILL)
        self._held.close()


class Broker(_Restartable):
    """Real Kafka. Its clients reach it at `direct`, or at `behind`, through `proxy`."""

    running: Kafka

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder, self._port, inner = folder, free_port(), free_port()
        self.proxy = Proxy(free_port(), inner)
        self._ports = inner, self.proxy.port
        self.direct, self.behind = f"{HOST}:{self._port}", f"{HOST}:{self.proxy.port}"

    def _run(self) -> AbstractContextManager[Kafka]:
        return run_jars(self._port, self._folder, behind=self._ports)


class Valkey(_Restartable):
    """Real Valkey that appends every write to a file. `url` is its own address."""

    running: EmbeddedValkey

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder, self.port = folder, free_port()
        self.url = f"redis://{HOST}:{self.port}/0"

    def _run(self) -> AbstractContextManager[EmbeddedValkey]:
        return EmbeddedValkey(self._folder, port=self.port)

    def client(self) -> "Redis[bytes]":
        """Return a client for whoever looks on; close it."""
        return Redis.from_url(self.url, socket_timeout=10.0)

    def cut_tail(self, chance: Random) -> int:
        """Take the newest bytes from its file, as a loss of power does; return how many. It must not run."""
        newest = max(self._folder.glob("appendonlydir/*.incr.aof"), key=lambda path: path.stat().st_mtime)
        n_bytes = min(chance.randrange(1, 4096) + newest.stat().st_size // 50, newest.stat().st_size)
        os.truncate(newest, newest.stat().st_size - n_bytes)
        return n_bytes

    def back_up(self, folder: Path) -> int:
        """Copy all that it keeps while it runs, with no file replaced meanwhile, and return how many bytes that is."""
        with contextlib.closing(self.client()) as redis:
            redis.config_set("auto-aof-rewrite-percentage", 0)
            until(lambda: not redis.info("persistence")["aof_rewrite_in_progress"], "its file is being replaced")
            shutil.copytree(self._folder, folder)
            redis.config_set("auto-aof-rewrite-percentage", 100)
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

    def restore(self, folder: Path) -> None:
        """Replace all that it keeps by a copy that was made before. It must not run."""
        self.empty()
        shutil.copytree(folder, self._folder)

    def empty(self) -> None:
        """Remove all that it keeps. It must not run."""
        shutil.rmtree(self._folder)
