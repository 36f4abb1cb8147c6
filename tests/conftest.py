"""The servers that tests ask for: started once a run, before its first test, and named at its end."""

from collections.abc import Iterator
from contextlib import ExitStack
from uuid import uuid4

import pytest
from hypothesis import settings
from tests.servers.kafka import Kafka
from tests.servers.kafka import kafka as run_kafka
from tests.servers.redis import RedisServer
from tests.servers.redis import redis_server as run_redis_server
from tests.servers.sources import Missing, Server

settings.register_profile("menshen", derandomize=True, deadline=None)
settings.load_profile("menshen")

_KAFKA = pytest.StashKey[Kafka]()
_REDIS = pytest.StashKey[RedisServer]()


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Iterator[None]:
    """Start the servers before the tests that ask for them: a download meets no time limit, a lack shows at once."""
    asked = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    if session.config.option.collectonly:
        asked.clear()
    with ExitStack() as stack:
        try:
            if "kafka" in asked:
                session.config.stash[_KAFKA] = stack.enter_context(run_kafka())
            if "redis_server" in asked:
                session.config.stash[_REDIS] = stack.enter_context(run_redis_server())
        except Missing as lack:
            pytest.exit(str(lack), returncode=1)
        return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    terminalreporter.section("servers")
    _report(terminalreporter, "Kafka", config.stash.get(_KAFKA, None))
    _report(terminalreporter, "Redis", config.stash.get(_REDIS, None))


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


@pytest.fixture
def tenant() -> str:
    """A name that no other test and no other run has: short, and fit for a key and for a topic."""
    return f"t{uuid4().hex[:10]}"
