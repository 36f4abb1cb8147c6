"""What integration tests build on: the product's topics, empty, and real workers between them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.servers.detect import Deployment
from tests.servers.kafka import Kafka
from tests.servers.onboard import Lender
from tests.servers.standins import Standins
from tests.servers.topics import fresh_topics as make_topics_anew


@pytest.fixture
def fresh_topics(kafka: Kafka) -> Iterator[Kafka]:
    """The broker of this test, every declared topic empty; use it, not `kafka`: a stand-in is another one."""
    with make_topics_anew(kafka) as broker:
        yield broker


@pytest.fixture
def detect(fresh_topics: Kafka, redis_url: str, tenant: str, tmp_path: Path) -> Iterator[Deployment]:
    """Starts real workers of a tenant that is this test's alone: `worker = detect(save_interval_ms=50)`."""
    with Deployment(fresh_topics, redis_url, tenant, tmp_path) as deployment:
        yield deployment


@pytest.fixture
def lender(fresh_topics: Kafka, database_url: str, tenant: str, tmp_path: Path) -> Iterator[Lender]:
    """Starts real `menshen onboard` processes on a database of this test's alone: `lender()`; see `Lender`."""
    with Standins() as standins, Lender(fresh_topics, database_url, standins, tenant, tmp_path) as made:
        yield made
