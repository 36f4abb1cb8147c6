"""A whole deployment on this machine: embedded broker, Valkey, SQLite, topics, keys, `detect` and `onboard`."""

import contextlib
import json
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Self, get_args

from menshen.contract import topics
from menshen.local.process import Process, command
from menshen.onboard.api.keys import Role, issue
from menshen.onboard.desk import clock_ms
from menshen.onboard.sql.database import Database
from menshen.shell.embedded.servers import EmbeddedBroker, EmbeddedValkey
from menshen.shell.lifeline import Guarded
from menshen.shell.signing import new_key_pair

STANDINS_S = 30.0


class Stack:
    """Starts everything and keeps it running; all of it ends with the context, or with this process.

    `environment` is what any other `menshen` command needs to reach it, `api_keys` has a key to the API for each role,
    `urls` says where the stand-ins of the services outside are. Nothing is kept: events, state and applications are in
    memory, or in a folder that goes away; they belong together.
    """

    environment: Mapping[str, str]
    urls: Mapping[str, str]
    api_keys: Mapping[str, str]

    def __init__(
        self, *, n_partitions: int = 6, settings: Mapping[str, str] | None = None, database_url: str | None = None
    ) -> None:
        """Take the partitions of each topic, settings for the processes, and an empty database other than SQLite's."""
        self._n_partitions, self._database_url = n_partitions, database_url
        self._settings = dict(settings or {})

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as starting:
            folder = Path(starting.enter_context(tempfile.TemporaryDirectory(prefix="menshen-stack-")))
            kafka, valkey = self._servers(starting)
            _write_secrets(folder)
            database = {"MENSHEN_DATABASE_URL": self._database_url or f"sqlite:///{folder / 'menshen.db'}"}
            self.api_keys = _prepared(database["MENSHEN_DATABASE_URL"])
            self.urls = starting.enter_context(_Standins())
            self.environment = {
                "MENSHEN_KAFKA_BOOTSTRAP_SERVERS": kafka,
                "MENSHEN_KAFKA_API_VERSION": "2.1",
                "MENSHEN_REDIS_URL": valkey,
                "MENSHEN_VERIFY_KEYS_FILE": str(folder / "signing.pub"),
            }
            secret = {
                "MENSHEN_PEPPER_FILE": str(folder / "pepper"),
                "MENSHEN_SIGNING_KEY_FILE": str(folder / "signing.key"),
            }
            outside = {f"MENSHEN_{name.upper()}": url for name, url in self.urls.items()}
            self.detect = Process("detect", {**self.environment, **secret, **self._settings})
            self.onboard = Process("onboard", {**self.environment, **database, **outside, **self._settings})
            for process in (self.detect, self.onboard):
                starting.enter_context(process)
            self.environment |= {"MENSHEN_API_URL": self.onboard.url, "MENSHEN_API_KEY": self.api_keys["service"]}
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def wait_until_ready(self) -> None:
        """Return once all say that they are ready; raise ServerError if one ends first or takes too long."""
        self.detect.wait_until_ready()
        self.onboard.wait_until_ready()

    def keep_running(self) -> None:
        """Start again what ended asking for that; raise ServerError if it ended otherwise."""
        self.detect.keep_running()
        self.onboard.keep_running()

    def _servers(self, starting: contextlib.ExitStack) -> tuple[str, str]:
        one_partition = {topics.CONTROL: 1}
        broker = EmbeddedBroker({name: one_partition.get(name, self._n_partitions) for name in topics.ALL})
        return starting.enter_context(broker).bootstrap_servers, starting.enter_context(EmbeddedValkey()).url


class _Standins:
    """The stand-ins' process; entering gives their URLs by name."""

    def __enter__(self) -> dict[str, str]:
        with contextlib.ExitStack() as starting:
            # Standard output is among what the process writes for people.
            process = starting.enter_context(Guarded(*command("standins", "--json", settings={})))
            process.name = "menshen standins"
            process.wait_until(lambda: "\n" in process.output(), timeout_s=STANDINS_S)
            urls: dict[str, str] = json.loads(process.output().partition("\n")[0])
            self._running = starting.pop_all()
        return urls

    def __exit__(self, *_: object) -> None:
        self._running.close()


def _prepared(url: str) -> dict[str, str]:
    """Make the database, and return a key to the API for each role."""
    database = Database(url)
    try:
        database.upgrade()
        return database.run(
            lambda c: {role: issue(c, role, f"local-{role}", now_ms=clock_ms()) for role in get_args(Role)}
        )
    finally:
        database.close()


def _write_secrets(folder: Path) -> None:
    private, public = new_key_pair()
    for name, text in (("signing.key", private), ("signing.pub", public), ("pepper", secrets.token_hex(32))):
        (folder / name).write_text(text)
