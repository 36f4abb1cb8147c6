"""The workers of a run: started plain or with a trap, sent signals, watched for what they take of the machine."""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers.detect import Deployment, Worker

WRAPPER = "tests.chaos.crashing"
PATIENCE_S = 60.0
SAMPLE_S = 1.0


def until(holds: Callable[[], object], what: str, patience_s: float = PATIENCE_S, pause_s: float = 0.1) -> float:
    """Wait until something holds, and return the seconds that it took; fail with `what` if it does not come."""
    started_s = time.monotonic()
    while not holds():
        if time.monotonic() - started_s > patience_s:
            raise AssertionError(f"not within {patience_s:g} s: {what}")
        time.sleep(pause_s)
    return time.monotonic() - started_s


class Fleet:
    """All workers of one deployment. `n_kills` counts how many ended otherwise than asked to, `ended` how."""

    def __init__(self, deployment: Deployment, mutation: str | None = None) -> None:
        self._deployment = deployment
        self._always = ("--mutation", mutation) if mutation else ()
        self._open: dict[Worker, contextlib.ExitStack] = {}
        self.n_kills = 0
        self.rss_mb_max = self.fds_max = 0
        self._over = threading.Event()
        self._watching = threading.Thread(target=self._watch, name="fleet", daemon=True)

    def __enter__(self) -> "Fleet":
        self._watching.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watching.join()
        self.dismiss_all()

    def start(self, *trap: str, ready: bool = True, mutated: bool = True, **settings: Any) -> Worker:
        """Start a worker, with a trap in it where words for `tests.chaos.crashing` are given."""
        words = (*(self._always if mutated else ()), *trap)
        worker = self._deployment.worker((WRAPPER, *words) if words else ("menshen.cli",), **settings)
        held = contextlib.ExitStack()
        held.enter_context(worker)
        self._open[worker] = held
        if ready:
            worker.wait_until_ready()
        return worker

    @contextmanager
    def at_work(self, n_workers: int, *trap: str, **settings: Any) -> Iterator[list[Worker]]:
        """Have some workers for as long as this lasts; those that still run are then asked to end, and must."""
        started = [self.start(*trap, ready=False, **settings) for _ in range(n_workers)]
        for worker in started:
            worker.wait_until_ready()
        yield started
        self.retire(*started)

    def retire(self, *workers: Worker) -> float:
        """Ask workers to end, hold them to status 0 within 10 s, and return how long the slowest took."""
        slowest_s = 0.0
        for worker in workers:
            if worker.ended() is None:
                started_s = time.monotonic()
                worker.stop()
                slowest_s = max(slowest_s, time.monotonic() - started_s)
            self.dismiss(worker)
        return slowest_s

    def kill(self, worker: Worker) -> None:
        """End a worker with SIGKILL."""
        worker.kill()
        self.n_kills += 1
        self.dismiss(worker)

    def status_of(self, worker: Worker, patience_s: float = PATIENCE_S) -> int:
        """Wait until a worker has ended by itself, and return its exit status."""
        status = worker.wait_until_ended(patience_s)
        self.n_kills += 1
        self.dismiss(worker)
        return status

    def dismiss(self, worker: Worker) -> None:
        """Take back what a worker holds; one that still runs is ended."""
        if held := self._open.pop(worker, None):
            held.close()

    def dismiss_all(self) -> None:
        """End whatever runs: the next play begins with nobody at work."""
        for worker in list(self._open):
            self.dismiss(worker)

    def problems(self) -> list[dict[str, str]]:
        """Return what each worker that is still there says of itself."""
        return [worker.problems() for worker in self._open]

    def take_over_figures_of(self, other: "Fleet") -> None:
        """Count what another fleet did and took as one's own."""
        self.n_kills += other.n_kills
        self.rss_mb_max, self.fds_max = max(self.rss_mb_max, other.rss_mb_max), max(self.fds_max, other.fds_max)

    def _watch(self) -> None:
        while not self._over.wait(SAMPLE_S):
            for worker in list(self._open):
                # It may end at any moment: then it takes nothing.
                with contextlib.suppress(OSError, KeyError):
                    self.rss_mb_max = max(self.rss_mb_max, _rss_mb(worker.pid))
                    self.fds_max = max(self.fds_max, _n_fds(worker.pid))


def stopped(worker: Worker) -> bool:
    """Say whether a worker is suspended."""
    return _status(worker.pid)["State"].startswith("T")


def suspend(worker: Worker) -> None:
    """Suspend a worker, as a machine that swaps or a virtual one that moves does."""
    worker.signal(signal.SIGSTOP)
    until(lambda: stopped(worker), "the worker is not suspended")


def resume(worker: Worker) -> None:
    """Let a suspended worker go on."""
    worker.signal(signal.SIGCONT)


def metric(worker: Worker, name: str) -> float:
    """Return the sum of a metric over its labels; 0 where it was never counted."""
    lines = [line for line in worker.get("/metrics").splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def _rss_mb(pid: int) -> int:
    return int(_status(pid)["VmRSS"].split()[0]) // 1024


def _n_fds(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
