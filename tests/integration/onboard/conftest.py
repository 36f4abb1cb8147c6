"""The counter of these tests: a database of its own for each, SQLite and PostgreSQL in turn."""

from collections.abc import Iterator

import pytest
from tests.unit.onboard.counter import Counter


@pytest.fixture
def counter(database_url: str) -> Iterator[Counter]:
    with Counter(database_url) as opened:
        yield opened
