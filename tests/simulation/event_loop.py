"""An event loop in which time is a number and chance picks who is next: what it runs, it can run again."""

import asyncio
import heapq
from contextvars import Context, ContextVar
from random import Random
from typing import Any


class Process:
    """A simulated process: everything that begins in its context belongs to it.

    One that is stopped runs nothing until it goes on (SIGSTOP, SIGCONT); one that is dead never runs anything again,
    not even what cleans up (SIGKILL).
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.state = "runs"
        self.quiet_since_s = 0.0
        self.context = Context()
        self.context.run(PROCESS.set, self)

    @property
    def runs(self) -> bool:
        return self.state == "runs"


PROCESS: ContextVar[Process] = ContextVar("process")
OUTSIDE = Context()
"""Where that happens which no process does."""


class Standstill(Exception):
    """Nothing will ever happen again, and somebody still waits."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Jumps to the next timer where nothing is ready, and calls what is ready in an order of chance."""

    def __init__(self, chance: Random) -> None:
        super().__init__()
        self._chance = chance
        self._now_s = 0.0
        self._ready: list[asyncio.Handle] = []
        self._over = False
        self._held: dict[Process, list[asyncio.Handle]] = {}
        self._tasks: list[asyncio.Task[Any]] = []
        """All of them: a dead process's tasks must not be collected, since that would run what cleans up."""

    def time(self) -> float:
        return self._now_s

    def create_task(self, coro: Any, **named: Any) -> asyncio.Task[Any]:
        task = super().create_task(coro, **named)
        self._tasks.append(task)
        return task

    def go_on(self, process: Process) -> None:
        """Make ready what a stopped process would have run meanwhile."""
        self._ready += self._held.pop(process, ())

    def unheard(self) -> list[str]:
        """Return what tasks raised, and nobody has asked for."""
        ended = [task for task in self._tasks if task.done() and task._log_traceback]
        return [f"{task.get_coro().__qualname__}: {task.exception()!r}" for task in ended]

    def bury(self) -> None:
        """End all tasks, of the dead too; nothing that they still do counts."""
        self._over = True
        for process in list(self._held):
            self.go_on(process)
        while left := [task for task in self._tasks if not task.done()]:
            for task in left:
                task.cancel()
            self.run_until_complete(asyncio.wait(left, timeout=1.0))
        self.close()

    def _run_once(self) -> None:
        timers = self._scheduled
        while timers and (timers[0]._cancelled or not self._ready or timers[0]._when <= self._now_s):
            timer = heapq.heappop(timers)
            timer._scheduled = False
            if not timer._cancelled:
                self._now_s = max(self._now_s, timer._when)
                self._ready.append(timer)
        if not self._ready:
            raise Standstill
        self._call(self._pick())

    def _pick(self) -> asyncio.Handle:
        at = int(self._chance.random() * len(self._ready))
        self._ready[at], self._ready[-1] = self._ready[-1], self._ready[at]
        return self._ready.pop()

    def _call(self, handle: asyncio.Handle) -> None:
        process = handle._context.get(PROCESS)
        if handle._cancelled:
            return
        if process is None or process.runs or self._over:
            handle._run()
        else:
            self._held.setdefault(process, []).append(handle)

    def _write_to_self(self) -> None:
        """There is nobody to wake."""

    def _asyncgen_finalizer_hook(self, agen: Any) -> None:
        """Let it go: when the collector comes by is not for the seed to say."""
