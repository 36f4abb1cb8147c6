"""The loop of these tests: a tenant of its own for each, on the broker and the Redis of the run."""

import time
from collections.abc import AsyncIterator

import pytest
from tests.integration.loop.world import Clock, World
from tests.servers.kafka import Kafka


@pytest.fixture(autouse=True)
def now() -> None:
    Clock.at_ms = time.time_ns() // 1_000_000


@pytest.fixture
async def world(fresh_topics: Kafka, redis_url: str, tenant: str) -> AsyncIterator[World]:
    async with World(fresh_topics, redis_url, tenant) as world:
        yield world
