"""Real `menshen` processes for the tests: started from the environment alone, ended whatever happens."""

import contextlib
import json
import os
import secrets
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.servers.kafka import Kafka

from menshen.contract.signature import TrustedKeys
from menshen.shell.embedded.servers import HOST, free_port
from menshen.shell.lifeline import Guarded
from menshen.shell.signing import new_key_pair

READY_S = 30.0
DRAIN_S = 10.0
_SERVICES = Path(__file__).parents[2] / "services"


class Worker:
    """One process. `settings` are the environment that it got, `pid` is its own, `health_url` where health is.

    `module` is what Python runs, with arguments of its own before `name`: `menshen.cli`, or a wrapper around it.
    """

    def __init__(
        self,
        settings: Mapping[str, str],
        name: str = "detect",
        module: Sequence[str] = ("menshen.cli",),
        arguments: Sequence[str] = (),
    ) -> None:
        self._name = f"menshen {name}"
        self.settings = dict(settings)
        self.health_url = self._url_of(0)
        given = [f"{name}={value}" for name, value in settings.items()]
        # -i: what the environment of the suite says to workers is not for this one.
        command = ["env", "-i", f"PATH={os.environ['PATH']}", f"PYTHONPATH={_SERVICES}:{_SERVICES.parent}", *given]
        self._process = Guarded(*command, sys.executable, "-m", *module, name, *arguments, grace_s=DRAIN_S)
        self._process.name = self._name

    def __enter__(self) -> Self:
        self._process.__enter__()
        self.pid = self._process.pid
        return self

    def __exit__(self, *_: object) -> None:
        if self.ended() is None:
            self.signal(signal.SIGCONT)
        # Shown by pytest beside the failure of the test that it belongs to.
        print(f"--- {self._name}, process {self.pid}, status {self.ended()} ---\n{self.output()}")
        self._process.__exit__()

    def wait_until_ready(self, *, except_for: Collection[str] = ("model",)) -> None:
        """Return once /readyz finds nothing amiss; the learned score may be lacking: events are judged without."""
        self._process.wait_until(lambda: not self.problems().keys() - set(except_for), timeout_s=READY_S)

    def problems(self) -> dict[str, str]:
        """Return what /readyz finds out of order, by part; `process` where it does not answer at all."""
        try:
            parts = json.loads(self.get("/readyz"))["parts"]
        except OSError as error:
            return {"process": str(error)}
        return {part: said for part, said in parts.items() if said != "ok"}

    def _url_of(self, nth: int) -> str:
        return f"http://{self.settings['MENSHEN_HTTP_HOST']}:{int(self.settings['MENSHEN_HTTP_PORT']) + nth}"

    def get(self, path: str, nth: int = 0) -> str:
        """Return what the process answers on `/livez`, `/readyz` or `/metrics`; OSError if it does not.

        Of several processes of one command (`--workers`) it is the first one, or the `nth` behind it.
        """
        try:
            with urllib.request.urlopen(self._url_of(nth) + path, timeout=5.0) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.read().decode()

    def stop(self) -> None:
        """Ask it to end, as an operator does, and hold it to its promise: drained within 10 s, status 0."""
        self.signal(signal.SIGTERM)
        assert self.wait_until_ended(DRAIN_S) == 0, f"{self._name} ended with status {self.ended()}"

    def kill(self) -> None:
        """End it with SIGKILL: it gets no chance to save, to commit or to leave the group."""
        self.signal(signal.SIGKILL)
        self.wait_until_ended()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, such as SIGSTOP and later SIGCONT; nothing happens where the process has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait_until_ended(self, timeout_s: float = DRAIN_S) -> int:
        """Return its exit status (128 + 9 or more after SIGKILL) once it has ended; fail if it does not."""
        with contextlib.suppress(RuntimeError):
            self._process.wait_until(lambda: self.ended() is not None, timeout_s=timeout_s)
        status = self.ended()
        assert status is not None, f"{self._name} still runs {timeout_s:g} s later"
        return status

    def ended(self) -> int | None:
        """Return the exit status, or None while it runs."""
        return self._process.ended()

    def output(self) -> str:
        """Return its log."""
        return self._process.output()


class Deployment:
    """Workers of one tenant, on one broker and one Redis. Call it for one more, with settings by their lower-case name.

    `settings` are what all have in common, `keys` are the public keys of their verdicts, `keys_file` is where they are.
    """

    def __init__(self, kafka: Kafka, redis_url: str, tenant: str, folder: Path) -> None:
        private, public = new_key_pair()
        self.keys, self.keys_file = TrustedKeys.from_pem(public), folder / "signing.pub"
        self.keys_file.write_text(public)
        self.kafka, self.tenant = kafka, tenant
        self.settings = {
            "MENSHEN_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "MENSHEN_REDIS_URL": redis_url,
            "MENSHEN_TENANT": tenant,
            "MENSHEN_GROUP_ID": f"{tenant}-detect",
            "MENSHEN_SIGNING_KEY": private,
            "MENSHEN_PEPPER": secrets.token_hex(32),
            "MENSHEN_HTTP_HOST": HOST,
        }
        if version := kafka.options.get("api_version"):
            assert isinstance(version, tuple)
            self.settings["MENSHEN_KAFKA_API_VERSION"] = ".".join(map(str, version))
        self._running = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def __call__(self, *, ready: bool = True, **settings: object) -> Worker:
        """Start a worker, and wait until it is ready unless told not to. A setting that is None is left out."""
        worker = self.worker(**settings)
        self._running.enter_context(worker)
        if ready:
            worker.wait_until_ready()
        return worker

    def worker(
        self, module: Sequence[str] = ("menshen.cli",), arguments: Sequence[str] = (), **settings: object
    ) -> Worker:
        """Return a worker that runs, as Python's `module` with arguments, for as long as its context lasts."""
        own = {f"MENSHEN_{name.upper()}": value for name, value in settings.items()}
        given = self.settings | {"MENSHEN_HTTP_PORT": str(free_port())} | own
        return Worker(
            {name: str(value) for name, value in given.items() if value is not None}, module=module, arguments=arguments
        )
