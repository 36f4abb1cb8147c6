"""A whole deployment on this machine: embedded broker, Valkey, topics, keys and one `menshen detect`."""

import contextlib
import json
import os
import secrets
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from menshen.contract import topics
from menshen.shell.embedded.servers import HOST, EmbeddedBroker, EmbeddedValkey, free_port
from menshen.shell.lifeline import Guarded, ServerError
from menshen.shell.signing import new_key_pair

READY_S = 60.0
DRAIN_S = 10.0
RESTART_ME = (70, 75)


class Stack:
    """Starts everything and keeps `detect` running; all of it ends with the context, or with this process.

    `environment` is what any other `menshen` command needs to reach it. Events are kept in memory only, and so is the
    state: the two belong together.
    """

    environment: Mapping[str, str]

    def __init__(self, *, n_partitions: int = 6, detect_settings: Mapping[str, str] | None = None) -> None:
        self._n_partitions = n_partitions
        self._detect_settings = dict(detect_settings or {})

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as starting:
            folder = Path(starting.enter_context(tempfile.TemporaryDirectory(prefix="menshen-stack-")))
            one_partition = {topics.CONTROL: 1}
            broker = EmbeddedBroker({name: one_partition.get(name, self._n_partitions) for name in topics.ALL})
            kafka = starting.enter_context(broker).bootstrap_servers
            valkey = starting.enter_context(EmbeddedValkey()).url
            self.health_url = f"http://{HOST}:{free_port()}"
            _write_secrets(folder)
            self.environment = {
                "MENSHEN_KAFKA_BOOTSTRAP_SERVERS": kafka,
                "MENSHEN_KAFKA_API_VERSION": "2.1",
                "MENSHEN_REDIS_URL": valkey,
                "MENSHEN_VERIFY_KEYS_FILE": str(folder / "signing.pub"),
            }
            self._secrets = {
                "MENSHEN_PEPPER_FILE": str(folder / "pepper"),
                "MENSHEN_SIGNING_KEY_FILE": str(folder / "signing.key"),
                "MENSHEN_HTTP_HOST": HOST,
                "MENSHEN_HTTP_PORT": self.health_url.rpartition(":")[2],
            }
            self._detect = starting.enter_context(contextlib.ExitStack())
            self._start_detect()
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def wait_until_ready(self) -> None:
        """Return once `detect` says that it is ready; raise ServerError if it ends first or takes too long."""
        try:
            self._process.wait_until(lambda: not self.problems(), timeout_s=READY_S)
        except ServerError as error:
            raise ServerError(f"{error}; out of order: {self.problems()}") from None

    def problems(self) -> dict[str, str]:
        """Return what /readyz finds out of order, by part."""
        try:
            with urllib.request.urlopen(f"{self.health_url}/readyz", timeout=3.0) as answer:  # noqa: S310  # our own
                parts = json.load(answer)["parts"]
        except urllib.error.HTTPError as refused:
            with refused:
                parts = json.load(refused)["parts"]
        except OSError as error:
            parts = {"detect": str(error)}
        return {part: said for part, said in parts.items() if said != "ok"}

    def keep_running(self) -> None:
        """Start `detect` again if it ended asking for that; raise ServerError if it ended otherwise."""
        status = self._process.ended()
        if status is None:
            return
        if status not in RESTART_ME:
            raise ServerError(f"menshen detect ended with status {status}")
        self._detect.close()
        self._start_detect()

    def _start_detect(self) -> None:
        settings = {**self.environment, **self._secrets, **self._detect_settings}
        given = [f"{name}={value}" for name, value in settings.items()]
        path = os.pathsep.join(filter(None, [str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")]))
        command = ["env", *given, f"PYTHONPATH={path}", sys.executable, "-m", "menshen.cli", "detect"]
        self._process = Guarded(*command, grace_s=DRAIN_S, shown=True)
        self._process.name = "menshen detect"
        self._detect.enter_context(self._process)


def _write_secrets(folder: Path) -> None:
    private, public = new_key_pair()
    for name, text in (("signing.key", private), ("signing.pub", public), ("pepper", secrets.token_hex(32))):
        (folder / name).write_text(text)
