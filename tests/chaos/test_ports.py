"""A port that has suffered a fault goes on by itself once the fault is over; the worker behind it need not end."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from tests.chaos.around.proxy import HOST, Proxy
from tests.servers.kafka import Kafka

from menshen.shell.embedded.servers import free_port
from menshen.shell.errors import Unavailable
from menshen.shell.kafka.clients import Outgoing, Publisher
from menshen.shell.redis.store import Shared, Store
from menshen.shell.settings import DetectSettings, KafkaSettings
from menshen.shell.signing import new_key_pair

ENTRY = Shared("d", "device", 1, "subject")
LETTER = Outgoing(b"k", b"x" * 500)


@pytest.fixture
def settings(tenant: str, tmp_path: Path) -> DetectSettings:
    private, _ = new_key_pair()
    given = {"tenant": tenant, "pepper": "0" * 16, "signing_key": private}
    return DetectSettings.model_validate(given)


def test_a_connection_to_redis_that_was_reset_while_idle_is_an_outage_and_the_next_call_goes_through(
    redis_url: str, settings: DetectSettings
) -> None:
    port = int(redis_url.rsplit(":", 1)[1].partition("/")[0])
    with Proxy(free_port(), port) as proxy:
        url = f"redis://{HOST}:{proxy.port}/0"
        behind = settings.model_copy(update={"redis_url": type(settings.redis_url)(url)})

        async def played() -> list[tuple[int, int, int]]:
            store = Store(behind)
            await store.observe([ENTRY])
            await asyncio.to_thread(proxy.cut)
            await asyncio.sleep(0.1)  # the broker tells nobody
            with pytest.raises(Unavailable):
                await store.observe([ENTRY])
            counts = await store.observe([ENTRY])
            await store.close()
            return counts

        assert asyncio.run(played()) == [(1, 1, 1)]


async def test_a_topic_that_took_nothing_for_a_while_takes_the_next_batch(kafka: Kafka, tenant: str) -> None:
    if not kafka.real:
        pytest.skip("the stand-in numbers no batches")
    kafka.create_topic(tenant)
    publisher = Publisher(KafkaSettings(kafka_bootstrap_servers=kafka.bootstrap_servers))
    async with AsyncExitStack() as closing:
        await publisher.start()
        closing.push_async_callback(publisher.stop)
        end = await publisher.publish(tenant, 0, [LETTER])
        await asyncio.to_thread(_limit, kafka, tenant, 100)
        # A setting holds a moment after the broker has taken it.
        while taken := await _taken(publisher, tenant):
            end = taken
        assert await _taken(publisher, tenant) is None
        await asyncio.to_thread(_limit, kafka, tenant, 100_000)
        while (taken := await _taken(publisher, tenant)) is None:
            pass
        assert taken == end + 1
        assert await publisher.publish(tenant, 0, [LETTER, LETTER]) == end + 3


async def _taken(publisher: Publisher, topic: str) -> int | None:
    try:
        return await publisher.publish(topic, 0, [LETTER])
    except Unavailable:
        return None


def _limit(kafka: Kafka, topic: str, n_bytes: int) -> None:
    entry = ConfigEntry("max.message.bytes", str(n_bytes), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    admin.incremental_alter_configs([resource])[resource].result(10)
