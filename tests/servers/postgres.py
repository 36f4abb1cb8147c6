"""A real PostgreSQL for the tests: an address, Docker, or this machine's own binaries; it has no stand-in."""

import os
import pwd
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
from sqlalchemy.engine import make_url
from tests.servers.containers import require_image, running
from tests.servers.sources import Missing, PassedOver, Server, first_of

from menshen.shell.embedded.servers import HOST, free_port
from menshen.shell.lifeline import START_S, Guarded

IMAGE = "postgres:17"
_DEBIAN = Path("/usr/lib/postgresql")
_READY = "database system is ready to accept connections"
_ANSWER_S = 5
_UNPRIVILEGED = ("postgres", "nobody")
"""Who runs it where the tests are root's: it refuses to be."""
# A password, though it lives for one run: who may connect as its superuser may run programs as whoever runs it.
_SERVE = """
password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \\n')
printf %s "$password" >password
"$1/initdb" -D db -U menshen --pwfile=password -A scram-sha-256 -E UTF8 --locale=C --no-sync || exit
echo "password=$password"
exec "$1/postgres" -D db -p "$2" -c listen_addresses="$3" -c unix_socket_directories= -c fsync=off
"""


@dataclass(frozen=True, kw_only=True)
class Postgres(Server):
    """A running server. `url` leads to a database of its superuser; `pid` is None if it is not our process."""

    url: str
    pid: int | None = None

    @contextmanager
    def database(self) -> Iterator[str]:
        """Make an empty database; yield its SQLAlchemy URL, and drop it afterwards whoever is still connected."""
        name = f"menshen_{uuid4().hex[:12]}"
        # Of its own, whatever the server's: without an encoding it would give bytes for text.
        self._run(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
        try:
            url = make_url(self.url).set(drivername="postgresql+psycopg", database=name)
            yield url.render_as_string(hide_password=False)
        finally:
            self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def _run(self, command: str) -> None:
        with psycopg.connect(self.url, autocommit=True, connect_timeout=_ANSWER_S) as connection:
            connection.execute(command)


def postgres() -> AbstractContextManager[Postgres]:
    """Run a server, or find the one that is named; raise Missing if there is none. Every source is the real thing."""
    if url := os.environ.get("MENSHEN_TEST_POSTGRES"):
        return first_of("PostgreSQL", [lambda: named(url)])
    return first_of("PostgreSQL", [from_docker, from_binaries])


@contextmanager
def named(url: str) -> Iterator[Postgres]:
    """Use the server at a URL; it is not passed over in silence, since somebody asked for it."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        kind = _kind(plain)
    except psycopg.Error as failure:
        raise Missing(f"MENSHEN_TEST_POSTGRES: no server answers there ({failure})") from None
    yield Postgres(kind=f"{kind} (MENSHEN_TEST_POSTGRES)", url=plain)


@contextmanager
def from_docker() -> Iterator[Postgres]:
    """Run PostgreSQL's own image, if the engine has it already."""
    require_image(IMAGE, pull=False)
    port, password = free_port(), secrets.token_hex(16)
    url = f"postgresql://menshen:{password}@{HOST}:{port}/menshen"
    environment = {"POSTGRES_USER": "menshen", "POSTGRES_PASSWORD": password}
    with running(IMAGE, inside=5432, port=port, environment=environment, ready=lambda _: _answers(url)):
        yield Postgres(kind=f"{_kind(url)} (Docker, {IMAGE})", url=url)


@contextmanager
def from_binaries() -> Iterator[Postgres]:
    """Run this machine's own PostgreSQL on loopback, in a folder that goes with it."""
    binaries, port = _binaries(), free_port()
    with Guarded(*_unprivileged(), "sh", "-c", _SERVE, "postgres", str(binaries), str(port), HOST) as server:
        server.name = "PostgreSQL"
        server.wait_until(lambda: _READY in server.output(), timeout_s=3 * START_S)
        (password,) = re.findall(r"^password=(\w+)$", server.output(), re.MULTILINE)
        url = f"postgresql://menshen:{password}@{HOST}:{port}/postgres"
        yield Postgres(kind=f"{_kind(url)} ({binaries})", url=url, pid=server.pid)


def _binaries() -> Path:
    installed = [path.parent for path in _DEBIAN.glob("*/bin/initdb") if path.with_name("postgres").exists()]
    if installed:
        return max(installed, key=lambda folder: int(folder.parent.name))
    if program := shutil.which("initdb"):
        return Path(program).parent
    raise PassedOver("PostgreSQL is missing; on Debian: apt-get install postgresql")


def _unprivileged() -> list[str]:
    """Return what to put before a command so that it is not root's, with the folder that it starts in as its own."""
    if os.geteuid() != 0:
        return []
    users = {user.pw_name: user for user in pwd.getpwall()}
    user = next(users[name] for name in _UNPRIVILEGED if name in users)
    script = 'chown "$1:$2" . && shift 2 && exec "$@"'
    setpriv = ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
    return ["sh", "-c", script, "sh", str(user.pw_uid), str(user.pw_gid), *setpriv]


def _kind(url: str) -> str:
    with psycopg.connect(url, connect_timeout=_ANSWER_S) as connection:
        return f"PostgreSQL {connection.info.parameter_status('server_version')}"


def _answers(url: str) -> bool:
    try:
        return bool(_kind(url))
    except psycopg.OperationalError:
        return False
