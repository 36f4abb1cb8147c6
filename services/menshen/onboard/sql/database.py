"""The database: SQLite in WAL mode or PostgreSQL, one serialisable transaction a change, its schema by Alembic."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError

from menshen.shell.errors import Refusal, Unavailable

T = TypeVar("T")
MIGRATIONS = Path(__file__).with_name("migrations")
MAX_COLLISIONS = 20
BUSY_S = 10.0
READS = "menshen_reads"
_COLLISIONS = frozenset({"40001", "40P01", "23505"})
"""PostgreSQL's codes for a transaction that must be done again: a serialisation failure, a deadlock, a key that was
free when it looked and that another transaction has taken since."""


class Database:
    """Gives transactions. Every one sees the data as though it were alone, and commits on disk or not at all."""

    def __init__(self, url: str) -> None:
        """Take a URL, `sqlite:///path` or `postgresql://...`; nothing is connected yet."""
        self.engine = _engine(url)

    def run(self, work: Callable[[Connection], T]) -> T:
        """Do work in one transaction, and again if another one got in its way: it must be safe to call twice.

        Raises `Unavailable` if the database does not answer: the work may or may not be committed.
        """
        return self._alone(work, {})

    def read(self, work: Callable[[Connection], T]) -> T:
        """Do work that only reads, as `run` does; on SQLite it waits for nobody."""
        return self._alone(work, {READS: True})

    def _alone(self, work: Callable[[Connection], T], options: dict[str, Any]) -> T:
        for n_collisions in range(1, MAX_COLLISIONS + 1):
            try:
                with self.engine.connect().execution_options(**options) as connection, connection.begin():
                    return work(connection)
            except DBAPIError as error:
                taken_for_good = n_collisions == MAX_COLLISIONS and isinstance(error, IntegrityError)
                if taken_for_good or not _collided(error):
                    raise _unavailable(error) from error
                time.sleep(0.0005 * 2 ** min(n_collisions, 8))
        raise Unavailable(f"database: {MAX_COLLISIONS} transactions got in each other's way")

    def upgrade(self) -> None:
        """Bring the schema to this release's. Safe to call again."""
        with self._outages():
            command.upgrade(_alembic(self.engine), "head")

    def check_schema(self) -> None:
        """Return if the schema is this release's; raise `Refusal` otherwise."""
        with self._outages(), self.engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
        wanted = ScriptDirectory(str(MIGRATIONS)).get_current_head()
        if found != wanted:
            raise Refusal(f"database: schema {found or 'none'} is not {wanted}: run `menshen database upgrade`")

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def _outages(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise _unavailable(error) from error


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(parsed, connect_args={"timeout": BUSY_S, "check_same_thread": False})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return create_engine(parsed, isolation_level="SERIALIZABLE", pool_pre_ping=True)


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions begin where `_begin_sqlite` says
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "recursive_triggers=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that begins as a reader and then writes would fail where another has written meanwhile.
    reads = connection.get_execution_options().get(READS)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _collided(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) in _COLLISIONS


def _unavailable(error: DBAPIError) -> Exception:
    """Return what to raise: an outage where the database is out of reach or busy, the error itself otherwise."""
    if isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated:
        return Unavailable(f"database: {error.orig}")
    return error


def _alembic(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["engine"] = engine
    return config
