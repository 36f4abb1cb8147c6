"""One `menshen` process of a deployment on this machine: started, asked how it is, started again if it wants that."""

import contextlib
import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from menshen.shell.embedded.servers import HOST, free_port
from menshen.shell.lifeline import Guarded, ServerError
from menshen.shell.prefork import RESTART_ME

READY_S = 60.0
DRAIN_S = 10.0
_SERVICES = Path(__file__).parents[2]


def command(*arguments: str, settings: Mapping[str, str], module: str = "menshen.cli") -> Sequence[str]:
    """Return the command line of a `menshen` command with these settings, of this very release."""
    given = [f"{name}={value}" for name, value in settings.items()]
    path = os.pathsep.join(filter(None, [str(_SERVICES), os.environ.get("PYTHONPATH", "")]))
    return ["env", *given, f"PYTHONPATH={path}", sys.executable, "-m", module, *arguments]


class Process:
    """A process that serves health at `url`; its log goes where this one's does."""

    def __init__(self, name: str, settings: Mapping[str, str]) -> None:
        self._name = name
        port = free_port()
        self.url = f"http://{HOST}:{port}"
        where = {"MENSHEN_HTTP_HOST": HOST, "MENSHEN_HTTP_PORT": str(port)}
        self._command = command(name, settings={**settings, **where})

    def __enter__(self) -> Self:
        self._running = contextlib.ExitStack()
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def wait_until_ready(self) -> None:
        """Return once it says that it is ready; raise ServerError if it ends first or takes too long."""
        try:
            self._process.wait_until(lambda: not self.problems(), timeout_s=READY_S)
        except ServerError as error:
            raise ServerError(f"{error}; out of order: {self.problems()}") from None

    def problems(self) -> dict[str, str]:
        """Return what /readyz finds out of order, by part."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=3.0) as answer:  # noqa: S310  # our own
                parts = json.load(answer)["parts"]
        except urllib.error.HTTPError as refused:
            with refused:
                parts = json.load(refused)["parts"]
        except OSError as error:
            parts = {self._name: str(error)}
        return {part: said for part, said in parts.items() if said != "ok"}

    def keep_running(self) -> None:
        """Start it again if it ended asking for that; raise ServerError if it ended otherwise."""
        status = self._process.ended()
        if status is None:
            return
        if status not in RESTART_ME:
            raise ServerError(f"menshen {self._name} ended with status {status}")
        self._running.close()
        self._start()

    def _start(self) -> None:
        self._process = Guarded(*self._command, grace_s=DRAIN_S, shown=True)
        self._process.name = f"menshen {self._name}"
        self._running.enter_context(self._process)
