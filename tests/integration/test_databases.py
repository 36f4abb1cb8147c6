"""The databases of the test suite: each test has an empty one, on SQLite and on a PostgreSQL that goes with the run."""

import signal
import subprocess

import psycopg
import pytest
from sqlalchemy import create_engine, inspect, make_url, text
from tests.integration.test_servers import NO_DOCKER, descendants, run_python, started, still_there, working_folder
from tests.servers.postgres import Postgres

STARTER = """
from menshen.shell.lifeline import ServerError
from tests.servers.postgres import from_binaries
try:
    with from_binaries() as server:
        print(server.pid, flush=True)
        time.sleep(300)
except ServerError as reason:
    print("passed over:", str(reason).splitlines()[-1])
"""
WITHOUT = """
import sys, pathlib, pytest
import tests.servers.postgres as servers
servers._DEBIAN = pathlib.Path("/nonexistent")
sys.exit(pytest.main(["-p", "no:cacheprovider", *sys.argv[1:]]))
"""


@pytest.mark.parametrize("turn", ["first", "second"])
def test_a_test_begins_with_an_empty_database(database_url: str, turn: str) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        assert inspect(connection).get_table_names() == []
        connection.execute(text(f"CREATE TABLE {turn} (n INTEGER)"))
    engine.dispose()


def test_a_database_goes_although_somebody_is_still_connected(postgres: Postgres) -> None:
    with postgres.database() as url:
        name = make_url(url).database
        left = psycopg.connect(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))
    with left, psycopg.connect(postgres.url) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchall()
    assert found == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_no_server_outlives_its_starter(how: signal.Signals) -> None:
    with started(STARTER) as process:
        told = process.stdout.readline() if process.stdout else ""
        if told.startswith("passed over"):
            pytest.skip(told.strip())
        family = descendants(process.pid)
        folders = [place for folder in map(working_folder, family) for place in (folder, *folder.parents)]
        scratch = next(folder for folder in folders if folder.name.startswith("menshen-"))
        assert int(told) in family
        process.send_signal(how)
        assert still_there(family) == []
        assert not scratch.exists()


def test_a_server_that_is_required_and_missing_ends_the_run_with_its_package() -> None:
    done = run_without_postgres(MENSHEN_REQUIRE_REAL="1")
    assert done.returncode == 1
    assert "apt-get install postgresql" in done.stdout


def test_where_none_is_required_its_tests_alone_are_skipped_and_say_why() -> None:
    done = run_without_postgres()
    assert done.returncode == 0
    assert "2 passed, 2 skipped" in done.stdout
    assert "apt-get install postgresql" in done.stdout


def test_a_named_server_is_used_and_no_other(postgres: Postgres) -> None:
    done = run_suite(MENSHEN_TEST_POSTGRES=postgres.url)
    assert done.returncode == 0
    assert "(MENSHEN_TEST_POSTGRES)" in done.stdout


def test_a_named_server_that_does_not_answer_ends_the_run() -> None:
    done = run_suite(MENSHEN_TEST_POSTGRES="postgresql+psycopg://nobody@127.0.0.1:1/none")
    assert done.returncode == 1
    assert "MENSHEN_TEST_POSTGRES: no server answers there" in done.stdout


def run_suite(**changes: str) -> "subprocess.CompletedProcess[str]":
    """Run the first test of this file in a run of its own."""
    return run_python("-m", "pytest", "-p", "no:cacheprovider", FIRST, **changes)


def run_without_postgres(**changes: str) -> "subprocess.CompletedProcess[str]":
    """Run it as on a machine where PostgreSQL is not installed."""
    return run_python("-c", WITHOUT, FIRST, PATH="/nonexistent", **NO_DOCKER, **changes)


FIRST = f"{__file__}::{test_a_test_begins_with_an_empty_database.__name__}"
