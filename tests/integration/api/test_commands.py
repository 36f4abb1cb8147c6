"""`menshen database` and `menshen api-keys`, on each kind of database."""

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from menshen.cli import main
from menshen.onboard.api.keys import Caller, holder
from menshen.onboard.sql.database import Database

Run = Callable[..., Result]


@pytest.fixture
def run(database_url: str) -> Run:
    def call(*words: str, url: str = database_url) -> Result:
        return CliRunner().invoke(main, words, env={"MENSHEN_DATABASE_URL": url})

    return call


def test_a_database_is_brought_to_this_release_and_may_be_so_again(run: Run) -> None:
    before = run("database", "check")
    assert (before.exit_code, "menshen database upgrade" in before.output) == (1, True)
    assert [run("database", "upgrade").exit_code for _ in range(2)] == [0, 0]
    assert run("database", "check").exit_code == 0


def test_a_key_is_printed_once_and_works(run: Run, database_url: str) -> None:
    run("database", "upgrade")
    made = json.loads(run("api-keys", "new", "--role", "approver", "--name", "eve", "--json").stdout)
    database = Database(database_url)
    assert database.read(lambda c: holder(c, made["key"])) == Caller("eve", "approver")
    database.close()
    listed = run("api-keys", "list", "--json").stdout
    assert [(key["name"], key["role"], key["revoked_ms"]) for key in json.loads(listed)] == [("eve", "approver", None)]
    assert made["key"].split("_")[2] not in listed


def test_a_revoked_key_is_listed_as_such(run: Run) -> None:
    run("database", "upgrade")
    prefix = run("api-keys", "new", "--role", "service", "--name", "app").stdout.split("_")[1]
    assert run("api-keys", "revoke", prefix).exit_code == 0
    assert "revoked" in run("api-keys", "list").stdout
    assert run("api-keys", "revoke", "0" * 12).exit_code == 1


def test_keys_are_not_made_in_a_database_of_another_release(run: Run) -> None:
    refused = run("api-keys", "new", "--role", "service", "--name", "app")
    assert (refused.exit_code, "menshen database upgrade" in refused.output) == (78, True)


@pytest.mark.parametrize("name", ["", "a b", "é", "x" * 65])
def test_a_name_is_a_pseudonym_of_visible_ascii(run: Run, name: str) -> None:
    run("database", "upgrade")
    assert run("api-keys", "new", "--role", "service", "--name", name).exit_code == 2


def test_a_name_is_not_given_a_second_role(run: Run) -> None:
    run("database", "upgrade")
    assert run("api-keys", "new", "--role", "analyst", "--name", "ana").exit_code == 0
    refused = run("api-keys", "new", "--role", "approver", "--name", "ana")
    assert (refused.exit_code, "ana has a live key of role analyst" in refused.output) == (1, True)


@pytest.mark.parametrize("url", ["nonsense", "oracle://u:hidden@h/x", "mysql+nothing://u:hidden@h/x"])
def test_a_url_of_another_kind_is_refused_without_being_shown(run: Run, url: str) -> None:
    refused = run("database", "check", url=url)
    assert (refused.exit_code, "hidden" in refused.output) == (2, False)


def test_a_database_that_does_not_answer_is_named_as_such(run: Run) -> None:
    refused = run("database", "check", url="postgresql://u:hidden@127.0.0.1:1/x")
    assert (refused.exit_code, refused.output.startswith("database: "), "hidden" in refused.output) == (1, True, False)
