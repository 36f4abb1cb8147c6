"""Child processes that never outlive the process that started them, however it ends.

The lifeline is a pipe: a child ends when its standard input does, and the kernel closes a pipe even after `kill -9`.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Self, cast

START_S = 10.0
# A command that was asked to end has this long before it is killed.
GRACE_S = 5.0
_POLL_S = 0.02


class ServerError(RuntimeError):
    """A server could not be started, or has ended; the message says why or what to install."""


class Child:
    """A Python program that ends when its standard input does: on leaving the context, or with this process."""

    def __init__(self, program: Path, *arguments: str, grace_s: float = GRACE_S, shown: bool = False) -> None:
        """Take what to run, how long it may take to end, and whether its messages go to our stderr, not to `output`."""
        self._command = [sys.executable, "-P", str(program), *arguments]
        self._grace_s, self._shown = grace_s, shown
        self.name = program.name

    def __enter__(self) -> Self:
        # It has no name, so nothing has to be removed later, whoever is killed.
        self._output = tempfile.TemporaryFile()
        # A session of its own: Ctrl-C reaches the starter only, which ends its servers in its own order.
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if self._shown else self._output,
            bufsize=0,
            start_new_session=True,
        )
        self._questions = cast(IO[bytes], self._process.stdin)
        self._answers = cast(IO[bytes], self._process.stdout)
        self.pid = self._process.pid
        return self

    def __exit__(self, *_: object) -> None:
        with self._process, self._output:
            self._questions.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(self._grace_s + GRACE_S)
            self._process.kill()

    def tell(self, line: str) -> None:
        """Send one line; that the child is gone shows in its answer."""
        with contextlib.suppress(BrokenPipeError):
            self._questions.write(line.encode() + b"\n")

    def answer(self) -> str:
        """Wait for one line."""
        ready, _, _ = select.select([self._answers], [], [], START_S)
        if line := self._answers.readline() if ready else b"":
            return line.decode().strip()
        raise self._failure("gave no answer")

    def output(self) -> str:
        """Return all that the child, or the command that it guards, has written for people to read."""
        log = self._output.fileno()
        return os.pread(log, os.fstat(log).st_size, 0).decode(errors="replace")

    def wait_until(self, ready: Callable[[], bool], *, timeout_s: float = START_S) -> None:
        """Return once `ready` says so; raise ServerError if the child ends first or the time is over."""
        deadline = time.monotonic() + timeout_s
        while not ready():
            if self._process.poll() is not None:
                raise self._failure(f"ended with status {self._process.returncode}")
            if time.monotonic() > deadline:
                raise self._failure(f"was not ready after {timeout_s:g} s")
            time.sleep(_POLL_S)

    def ended(self) -> int | None:
        """Return the exit status once the child, or the command that it guards, has ended; None while it runs."""
        return self._process.poll()

    def _failure(self, what: str) -> ServerError:
        return ServerError("\n".join([f"{self.name} {what}", *self.output().strip().splitlines()[-5:]]))


class Guarded(Child):
    """Any command, in a scratch folder that is removed after it; it and its children end when this process ends.

    `pid` is the command's own. It gets SIGTERM, and SIGKILL `grace_s` later.
    """

    def __init__(self, *command: str, grace_s: float = GRACE_S, shown: bool = False) -> None:
        super().__init__(Path(__file__), str(grace_s), *command, grace_s=grace_s, shown=shown)
        self.name = Path(command[0]).name

    def __enter__(self) -> Self:
        super().__enter__()
        with contextlib.ExitStack() as starting:
            starting.push(super().__exit__)
            self.pid = int(self.answer())
            starting.pop_all()
        return self


def _guard(grace_s: float, command: list[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="menshen-", ignore_cleanup_errors=True) as scratch:
        server = subprocess.Popen(
            command, cwd=scratch, stdin=subprocess.DEVNULL, stdout=sys.stderr, start_new_session=True
        )
        # Whoever ends the guard alone ends its server with it.
        signal.signal(signal.SIGTERM, lambda *_: _signal_group(server, signal.SIGTERM))
        print(server.pid, flush=True)
        threading.Thread(target=_end_with_starter, args=(server, grace_s), daemon=True).start()
        return server.wait()


def _end_with_starter(server: subprocess.Popen[bytes], grace_s: float) -> None:
    # os.read and not sys.stdin: a thread that waits inside the latter would break the interpreter's own end.
    while os.read(0, 1024):
        pass
    _signal_group(server, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(grace_s)
    _signal_group(server, signal.SIGKILL)


def _signal_group(server: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # Its group is its own session: a launcher's children are ended with it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, number)


if __name__ == "__main__":
    sys.exit(_guard(float(sys.argv[1]), sys.argv[2:]))
