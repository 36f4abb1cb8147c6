"""A process that Faust hosts: health, then Kafka, then the work; signals drain it, an unexpected error ends it."""

import asyncio
import os
import threading
from collections.abc import Callable
from typing import Any, Protocol

import faust
import uvloop
from aiokafka.errors import KafkaError

from menshen.shell import metrics
from menshen.shell.errors import Refusal, Unavailable
from menshen.shell.kafka.clients import Publisher
from menshen.shell.logs import logger

log = logger(__name__)
EXIT_BUG, EXIT_REFUSES = 70, 78
DRAIN_S = 9.0


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
        uvloop.install()
        self._app, self._make = app, make
        super().__init__(app, override_logging=False, redirect_stdouts=False, quiet=True)
        self.spinner = None  # it writes to the terminal even when it is told to be quiet

    async def on_execute(self) -> None:
        """Open the work before Faust itself connects: Faust would give up where Kafka is absent."""
        self.install_signal_handlers()
        hosted = self._make()
        log.info("serving", url=await hosted.serve())
        await hosted.connect()
        self._app.service(_Service(hosted))  # type: ignore[arg-type]  # an instance is as good as a class here

    def _schedule_shutdown(self, signal: Any) -> None:
        deadline = threading.Timer(DRAIN_S, os._exit, [EXIT_BUG])
        deadline.daemon = True
        deadline.start()
        super()._schedule_shutdown(signal)


class _Service(faust.Service):
    def __init__(self, hosted: Hosted, **options: Any) -> None:
        super().__init__(**options)
        self._hosted = hosted
        self._running: asyncio.Task[None] | None = None

    async def on_start(self) -> None:
        self._running = asyncio.create_task(self._hosted.run())
        self._running.add_done_callback(_fail_stop)

    async def on_stop(self) -> None:
        self._hosted.stop()
        if self._running:
            await self._running
        await self._hosted.close()
        log.info("drained")


def _fail_stop(running: "asyncio.Task[None]") -> None:
    """End the process at a refusal or an unexpected error: what is saved stands, and a start goes on from there."""
    if running.cancelled() or not (error := running.exception()):
        return
    if isinstance(error, Refusal):
        log.critical("refuses to go on", why=str(error))
        os._exit(EXIT_REFUSES)
    log.critical("stopping at an unexpected error", exc_info=error)
    os._exit(EXIT_BUG)


async def connect(publisher: Publisher) -> None:
    """Connect to Kafka; wait for it as long as it takes."""
    while True:
        try:
            await publisher.start()
            return
        except (Unavailable, KafkaError, OSError) as outage:
            metrics.OUTAGES.labels("kafka").inc()
            log.warning("waiting for Kafka", why=str(outage))
            await asyncio.sleep(1.0)
