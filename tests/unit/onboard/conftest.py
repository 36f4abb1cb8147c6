"""An office with detect's stand-in beside it: on SQLite, or in turn on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.onboard.counter import Counter


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    """On a fresh SQLite database."""
    with Counter(f"sqlite:///{tmp_path / 'gate.db'}") as opened:
        yield opened


@pytest.fixture
def either_counter(database_url: str) -> Iterator[Counter]:
    """On a fresh database, SQLite and PostgreSQL in turn."""
    with Counter(database_url) as opened:
        yield opened
