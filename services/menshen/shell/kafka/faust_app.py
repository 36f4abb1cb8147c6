"""The Faust app that hosts a process: lifecycle and low-rate topics; the hot path has a consumer of its own."""

import secrets

import faust
from aiokafka import AIOKafkaConsumer
from aiokafka.helpers import create_ssl_context
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport

from menshen.shell.settings import KafkaSettings, ProcessSettings

FETCH_WAIT_MS = 100
"""How long the embedded broker keeps an empty fetch of the control topic; each costs the process half a millisecond."""


def own_group(settings: ProcessSettings) -> str:
    """Return a group that is one process's alone: it reads its topics whole, each time from the beginning."""
    return f"{settings.group_id}-control-{settings.instance_id or secrets.token_hex(4)}"


def faust_app(settings: ProcessSettings, group_id: str) -> faust.App:
    """Return an app that reads its topics as one group, from the beginning where the group has not read yet.

    Its own web server stays off, and it creates no topics: they are made by `menshen topics apply`.
    """
    app = faust.App(
        group_id,
        broker=[f"kafka://{address.strip()}" for address in settings.kafka_bootstrap_servers.split(",")],
        broker_credentials=_credentials(settings),
        broker_session_timeout=settings.session_timeout_ms / 1000,
        broker_heartbeat_interval=settings.session_timeout_ms / 4000,
        store="memory://",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_wait_empty=False,
        consumer_auto_offset_reset="earliest",
    )
    if settings.kafka_api_version:  # the embedded broker, which keeps an empty fetch for as long as it may
        app.transport.Consumer = _prompt(FETCH_WAIT_MS)  # type: ignore[misc]  # typed as of the class
    return app


def _prompt(fetch_wait_ms: int) -> type[Consumer]:
    """Return Faust's consumer, but for how long a fetch may wait: Faust fixes it at 1.5 s."""

    class Thread(AIOKafkaConsumerThread):
        def _create_worker_consumer(self, transport: Transport) -> AIOKafkaConsumer:
            consumer = super()._create_worker_consumer(transport)
            consumer._fetch_max_wait_ms = fetch_wait_ms
            return consumer

    class Prompt(Consumer):
        def _new_consumer_thread(self) -> Thread:
            return Thread(self, loop=self.loop, beacon=self.beacon)

    return Prompt


def _credentials(settings: KafkaSettings) -> faust.types.auth.CredentialsT | None:
    protocol = settings.kafka_security_protocol
    context = create_ssl_context(cafile=settings.kafka_ca_file) if protocol.endswith("SSL") else None
    if protocol.startswith("SASL") and settings.kafka_password:
        return faust.SASLCredentials(
            username=settings.kafka_username,
            password=settings.kafka_password.get_secret_value(),
            mechanism=settings.kafka_sasl_mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context else None
