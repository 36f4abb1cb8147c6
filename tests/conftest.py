"""The servers that tests ask for: started once a run, before its first test, and named at its end."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import settings
from tests.servers.kafka import Kafka
from tests.servers.kafka import kafka as run_kafka
from tests.servers.postgres import Postgres
from tests.servers.postgres import postgres as run_postgres
from tests.servers.redis import RedisServer
from tests.servers.redis import redis_server as run_redis_server
from tests.servers.sources import Missing, Server, real_is_required

settings.register_profile("menshen", derandomize=True, deadline=None)
settings.load_profile("menshen")

_KAFKA = pytest.StashKey[Kafka]()
_REDIS = pytest.StashKey[RedisServer]()
_POSTGRES = pytest.StashKey[Postgres]()
_NO_POSTGRES = pytest.StashKey[str]()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave what needs PostgreSQL out of the inner loop."""
    for item in items:
        if "database_url" in getattr(item, "fixturenames", ()):
            item.add_marker("slow")


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Iterator[None]:
    """Start the servers before the tests that ask for them: a download meets no time limit, a lack shows at once."""
    asked = {name for item in session.items for name in _asked_by(item)}
    if session.config.option.collectonly:
        asked.clear()
    with ExitStack() as stack:
        try:
            if "kafka" in asked:
                session.config.stash[_KAFKA] = stack.enter_context(run_kafka())
            if "redis_server" in asked:
                session.config.stash[_REDIS] = stack.enter_context(run_redis_server())
            if "postgres" in asked:
                _start_postgres(session.config, stack)
        except Missing as lack:
            pytest.exit(str(lack), returncode=1)
        return (yield)


def _asked_by(item: pytest.Item) -> Iterator[str]:
    yield from getattr(item, "fixturenames", ())
    # `database_url` asks for the server in one of its two cases only.
    if call := getattr(item, "callspec", None):
        yield call.params.get("database_url", "")


def _start_postgres(config: pytest.Config, stack: ExitStack) -> None:
    """Start it; where it is not to be had and need not be, its tests are skipped: nothing can stand in for it."""
    try:
        config.stash[_POSTGRES] = stack.enter_context(run_postgres())
    except Missing as lack:
        if real_is_required() or "MENSHEN_TEST_POSTGRES" in os.environ:
            raise
        config.stash[_NO_POSTGRES] = str(lack)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    terminalreporter.section("servers")
    _report(terminalreporter, "Kafka", config.stash.get(_KAFKA, None))
    _report(terminalreporter, "Redis", config.stash.get(_REDIS, None))
    _report(terminalreporter, "PostgreSQL", config.stash.get(_POSTGRES, None))


def _report(terminal: pytest.TerminalReporter, what: str, server: Server | None) -> None:
    if server is None:
        terminal.write_line(f"{what}: not started")
        return
    passed_over = f" [passed over: {'; '.join(server.passed_over)}]" if server.passed_over else ""
    terminal.write_line(f"{what}: {server.kind}{passed_over}")
    if server.unproven:
        terminal.write_line(f"{what.upper()} WAS NOT REAL. NOT PROVEN: {server.unproven}", red=True, bold=True)


@pytest.fixture(scope="session")
def kafka(pytestconfig: pytest.Config) -> Kafka:
    """The run's broker: `.bootstrap_servers`, `.kind`, `.real`, and `.create_topic(name, n_partitions)`."""
    return pytestconfig.stash[_KAFKA]


@pytest.fixture(scope="session")
def redis_server(pytestconfig: pytest.Config) -> RedisServer:
    """The run's Redis-protocol server: `.url`, `.kind`, `.real`."""
    return pytestconfig.stash[_REDIS]


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """Where the run's Redis-protocol server is; tests share it, each with its own tenant."""
    return redis_server.url


@pytest.fixture(scope="session")
def postgres(pytestconfig: pytest.Config) -> Postgres:
    """The run's PostgreSQL: `.url`, `.kind`, and `.database()`, a fresh database for as long as it is needed."""
    if lack := pytestconfig.stash.get(_NO_POSTGRES, None):
        pytest.skip(lack)
    return pytestconfig.stash[_POSTGRES]


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database that is this test's alone; every test that takes it runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'menshen.db'}"
        return
    with request.getfixturevalue("postgres").database() as url:
        yield url


@pytest.fixture
def tenant() -> str:
    """A name that no other test and no other run has: short, and fit for a key and for a topic."""
    return f"t{uuid4().hex[:10]}"
