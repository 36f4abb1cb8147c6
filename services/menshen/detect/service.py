"""`menshen detect` as a process: its parts, put together for Faust to host."""

import asyncio
import gc

from menshen.contract.topics import CONTROL
from menshen.detect.control import Control
from menshen.detect.loop import Loop, Ports
from menshen.detect.ownership.audit import Audit
from menshen.detect.ownership.takeover import Takeover
from menshen.detect.rules import Rulebook, load_rules
from menshen.detect.shedding import Shedding
from menshen.detect.worker import Worker
from menshen.shell.geo import GeoBase
from menshen.shell.health import HealthServer
from menshen.shell.kafka.clients import Publisher, Reader, group_consumer
from menshen.shell.kafka.faust_app import faust_app, own_group
from menshen.shell.kafka.hosting import Process, patiently
from menshen.shell.redis.store import Store
from menshen.shell.settings import DetectSettings
from menshen.shell.signing import Signer

GC_THRESHOLDS = 50_000, 20, 100
"""New objects before the youngest are looked through, and how often that is until older ones are."""


class Detect:
    """The parts of one process, made inside its event loop; nothing is connected yet."""

    def __init__(self, settings: DetectSettings, rulebook: Rulebook, control: Control, geo: GeoBase) -> None:
        self._rulebook, self._control = rulebook, control
        self.store = Store(settings)
        self.publisher, self.reader = Publisher(settings), Reader(settings)
        signer = Signer(settings.signing_key.get_secret_value())
        self._audit = Audit(self.store, self.reader, rulebook)
        self._audit_interval_s = settings.audit_interval_ms / 1000
        loop = Loop(rulebook, Ports(self.store, self.publisher, signer, geo), Shedding(settings.shed_after_ms))
        self.worker = Worker(settings, group_consumer(settings), loop, Takeover(self.store, self.reader))
        checks = {
            "partitions": self.worker.readiness,
            "kafka": self.worker.broker_answers,
            "redis": self.store.writable,
            "dead_letters": self.worker.poison.readiness,
            "model": self._model,
        }
        self.health = HealthServer(settings.http_host, settings.http_port, ready=checks)

    async def serve(self) -> str:
        """Serve health."""
        return await self.health.start()

    async def connect(self) -> None:
        """Wait for Kafka, and for the policy that it holds: nothing is judged by an older one."""
        await patiently(self.publisher.start)
        await patiently(lambda: self._control.catch_up(self.reader))

    async def run(self) -> None:
        """Judge until `stop`, and audit beside it."""
        _look_for_cycles_rarely()
        auditing = asyncio.create_task(self._audit.run(self.worker.owned, self._audit_interval_s))
        try:
            await self.worker.run()
        finally:
            auditing.cancel()

    def stop(self) -> None:
        """Finish the batch in hand, save, leave the group."""
        self.worker.stop()

    async def close(self) -> None:
        """Close all connections."""
        await self.publisher.stop()
        await self.reader.stop()
        await self.store.close()
        await self.health.stop()

    async def _model(self) -> str | None:
        return None if self._rulebook.current.model else "no learned score: rules only, decisions are capped at review"


def _look_for_cycles_rarely() -> None:
    """Judging makes no cycles, and subjects in memory are many: to go through them all the time is for nothing."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


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
    geo = GeoBase(settings.geoip_file)
    rulebook = Rulebook(load_rules(settings, geo.version))
    app = faust_app(settings, own_group(settings))
    control = Control(rulebook)
    topic = app.topic(CONTROL, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    app.agent(topic)(control.follow)
    Process(app, lambda: Detect(settings, rulebook, control, geo)).execute_from_commandline()
