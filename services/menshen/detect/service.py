"""`menshen detect` as a process: Faust hosts the worker, health is served beside it, signals drain it."""

import asyncio
import os
import threading
from typing import Any

import faust
from aiokafka.errors import KafkaError

from menshen.contract.topics import CONTROL
from menshen.detect.control import Control
from menshen.detect.loop import Loop, Ports
from menshen.detect.rules import Rulebook, load_rules
from menshen.detect.takeover import Takeover
from menshen.detect.worker import Worker
from menshen.shell import metrics
from menshen.shell.errors import Unavailable
from menshen.shell.geo import GeoBase
from menshen.shell.health import HealthServer
from menshen.shell.kafka.clients import Publisher, Reader
from menshen.shell.kafka.faust_app import faust_app
from menshen.shell.logs import logger
from menshen.shell.redis.store import Store
from menshen.shell.settings import DetectSettings
from menshen.shell.signing import Signer

log = logger(__name__)
EXIT_BUG = 70
DRAIN_S = 9.0


class Detect:
    """The parts of one process, made inside its event loop; nothing is connected yet."""

    def __init__(self, settings: DetectSettings, rulebook: Rulebook, geo: GeoBase) -> None:
        self._rulebook = rulebook
        self.store = Store(settings)
        self.publisher, self.reader = Publisher(settings), Reader(settings)
        signer = Signer(settings.signing_key.get_secret_value())
        loop = Loop(rulebook, Ports(self.store, self.publisher, signer, geo))
        self.worker = Worker(settings, loop, Takeover(self.store, self.reader))
        checks = {
            "partitions": self.worker.readiness,
            "kafka": self.worker.broker_answers,
            "redis": self.store.writable,
            "model": self._model,
        }
        self.health = HealthServer(settings.http_host, settings.http_port, ready=checks)

    async def connect(self) -> None:
        """Connect to Kafka; wait for it as long as it takes."""
        while True:
            try:
                await self.publisher.start()
                break
            except (Unavailable, KafkaError, OSError) as outage:
                metrics.OUTAGES.labels("kafka").inc()
                log.warning("waiting for Kafka", why=str(outage))
                await asyncio.sleep(1.0)

    async def close(self) -> None:
        """Close all connections."""
        await self.publisher.stop()
        await self.reader.stop()
        await self.store.close()
        await self.health.stop()

    async def _model(self) -> str | None:
        return None if self._rulebook.current.model else "no learned score: rules only, decisions are capped at review"


class DetectService(faust.Service):
    """The worker as a service of the Faust app; an error that nobody expected ends the process."""

    def __init__(self, detect: Detect, **options: Any) -> None:
        super().__init__(**options)
        self._detect = detect
        self._running: asyncio.Task[None] | None = None

    async def on_start(self) -> None:
        """Begin to work."""
        self._running = asyncio.create_task(self._detect.worker.run())
        self._running.add_done_callback(_fail_stop)

    async def on_stop(self) -> None:
        """Finish the batch in hand, save, leave the group, close."""
        self._detect.worker.stop()
        if self._running:
            await self._running
        await self._detect.close()
        log.info("drained")


class DetectProcess(faust.Worker):
    """The process around it: health first, so that an absent Kafka is seen; then Faust; and a deadline at the end."""

    def __init__(self, settings: DetectSettings) -> None:
        self._settings = settings
        self._geo = GeoBase(settings.geoip_file)
        self._rulebook = Rulebook(load_rules(settings, self._geo.version))
        self._app = faust_app(settings)
        control = self._app.topic(
            CONTROL, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
        )
        self._app.agent(control)(Control(self._rulebook).follow)
        super().__init__(self._app, override_logging=False, redirect_stdouts=False, quiet=True)
        self.spinner = None  # it writes to the terminal even when it is told to be quiet

    async def on_execute(self) -> None:
        """Serve health, then wait until Kafka answers: Faust itself would give up."""
        self.install_signal_handlers()
        detect = Detect(self._settings, self._rulebook, self._geo)
        log.info("serving", url=await detect.health.start())
        await detect.connect()
        self._app.service(DetectService(detect))  # type: ignore[arg-type]  # an instance is as good as a class here

    def _schedule_shutdown(self, signal: Any) -> None:
        deadline = threading.Timer(DRAIN_S, os._exit, [EXIT_BUG])
        deadline.daemon = True
        deadline.start()
        super()._schedule_shutdown(signal)


def _fail_stop(running: "asyncio.Task[None]") -> None:
    """End the process at an unexpected error: Redis stands at the mark, and a restart goes on from there."""
    if not running.cancelled() and (error := running.exception()):
        log.critical("stopping at an unexpected error", exc_info=error)
        os._exit(EXIT_BUG)


def run_detect(settings: DetectSettings) -> None:
    """Run until a signal; does not return.

    Raises
    ------
    SystemExit
        0 after a drain.
    Refusal
        Before anything is connected: policy, place base or signing key cannot be used.
    """
    Signer(settings.signing_key.get_secret_value())
    DetectProcess(settings).execute_from_commandline()
