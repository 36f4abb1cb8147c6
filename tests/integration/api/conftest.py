"""The API of these tests: one set of stand-ins for all, a database and a tenant for each."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from tests.integration.api.office import Office
from tests.servers.standins import Standins


@pytest.fixture(scope="session")
def standins() -> Iterator[Standins]:
    with Standins() as running:
        yield running


@pytest.fixture
def office(tmp_path: Path, tenant: str, standins: Standins) -> Iterator[Office]:
    """An API on SQLite whose judge allows everything."""
    with Office(f"sqlite:///{tmp_path / 'menshen.db'}", tenant, standins) as opened:
        yield opened


@pytest.fixture
def either_office(database_url: str, tenant: str, standins: Standins) -> Iterator[Office]:
    """The same, on each kind of database."""
    with Office(database_url, tenant, standins) as opened:
        yield opened


@pytest.fixture(scope="module")
def module_office(tmp_path_factory: pytest.TempPathFactory, standins: Standins) -> Iterator[Office]:
    """One for a whole module, whose tests do not mind one another."""
    folder = tmp_path_factory.mktemp("office")
    with Office(f"sqlite:///{folder / 'menshen.db'}", f"t{uuid4().hex[:10]}", standins) as opened:
        yield opened
