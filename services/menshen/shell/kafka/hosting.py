"""A process that Faust hosts: health, then Kafka, then the work; signals drain it, an unexpected error ends it."""

import asyncio
import contextlib
import faulthandler
import os
import threading
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

import faust
from aiokafka.errors import KafkaError
from mode.types import ServiceT

from menshen.shell import metrics
from menshen.shell.errors import Refusal, Unavailable
from menshen.shell.logs import logger

log = logger(__name__)
EXIT_BUG, EXIT_REFUSES = 70, 78
DRAIN_S, CLOSE_S = 9.0, 3.0


class Hosted(Protocol):
    """The work of a process. `serve` comes before `connect`, so that an absent Kafka is seen."""

    async def serve(self) -> str:
        """Begin to serve health, and return where."""

    async def connect(self) -> None:
        """Wait for Kafka as long as it takes."""

    async def run(self) -> None:
        """Work until `stop`; raise whatever nobody expected, and `Refusal` where an operator must act first."""

    def stop(self) -> None:
        """Finish what is in hand."""

    async def close(self) -> None:
        """Close all connections."""


class Process(faust.Worker):
    """Runs a Faust app, and beside its agents the work that `make` makes inside the event loop."""

    def __init__(self, app: faust.App, make: Callable[[], Hosted]) -> None:
        # Where C code ends the process, its log says what every thread was at.
        faulthandler.enable()
        self._work = _Work(make)
        super().__init__(app, override_logging=False, redirect_stdouts=False, quiet=True)
        self.spinner = None  # it writes to the terminal even when it is told to be quiet

    def on_init_dependencies(self) -> Iterable[ServiceT]:
        """Begin the work before Faust connects: it gives up where Kafka is absent, and takes seconds for its group."""
        return [self._work, *super().on_init_dependencies()]

    async def on_stop(self) -> None:
        """End the work before Faust disconnects."""
        await self._work.stop()

    def _schedule_shutdown(self, signal: Any) -> None:
        deadline = threading.Timer(DRAIN_S, lambda: os._exit(0 if self._work.drained else EXIT_BUG))
        deadline.daemon = True
        deadline.start()
        super()._schedule_shutdown(signal)


class _Work(faust.Service):
    def __init__(self, make: Callable[[], Hosted], **options: Any) -> None:
        super().__init__(**options)
        self._make = make
        self._hosted: Hosted | None = None
        self._running: asyncio.Task[None] | None = None
        self.drained = False

    async def on_start(self) -> None:
        self._hosted = self._make()
        log.info("serving", url=await self._hosted.serve())
        await self._hosted.connect()
        self._running = asyncio.create_task(self._hosted.run())
        self._running.add_done_callback(_fail_stop)

    async def on_stop(self) -> None:
        if self._hosted:
            self._hosted.stop()
            if self._running:
                await self._running
            # From here on it is only connections that are left: one that hangs holds up nobody.
            self.drained = True
            log.info("drained")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hosted.close(), CLOSE_S)


def _fail_stop(running: "asyncio.Task[None]") -> None:
    """End the process at a refusal or an unexpected error: what is saved stands, and a start goes on from there."""
    if running.cancelled() or not (error := running.exception()):
        return
    if isinstance(error, Refusal):
        log.critical("refuses to go on", why=str(error))
        os._exit(EXIT_REFUSES)
    log.critical("stopping at an unexpected error", exc_info=error)
    os._exit(EXIT_BUG)


async def patiently(ask: Callable[[], Awaitable[None]]) -> None:
    """Ask something of Kafka; ask again for as long as it takes."""
    while True:
        try:
            await ask()
            return
        except (Unavailable, KafkaError, OSError) as outage:
            metrics.OUTAGES.labels("kafka").inc()
            log.warning("waiting for Kafka", why=str(outage))
            await asyncio.sleep(1.0)
