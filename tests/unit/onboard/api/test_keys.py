"""Keys to the API: what opens, what does not, and that a name is one person."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from menshen.onboard.api.keys import Caller, NameTaken, holder, issue, listed, revoke
from menshen.onboard.sql.database import Database
from menshen.onboard.sql.store import Unknown
from menshen.onboard.sql.tables import api_keys


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = Database(f"sqlite:///{tmp_path / 'menshen.db'}")
    found.upgrade()
    yield found
    found.close()


def new(database: Database, role: str = "analyst", name: str = "ana") -> str:
    return database.run(lambda c: issue(c, role, name, now_ms=1))  # type: ignore[arg-type]


def whose(database: Database, key: str) -> Caller | None:
    return database.read(lambda c: holder(c, key))


def test_a_key_says_who_calls_and_as_what(database: Database) -> None:
    assert whose(database, new(database)) == Caller("ana", "analyst")


def test_the_database_holds_a_digest_and_no_part_of_the_secret(database: Database) -> None:
    key = new(database)
    prefix, secret = key.removeprefix("msk_").split("_", 1)
    [row] = database.read(lambda c: c.execute(api_keys.select()).all())
    assert (row.prefix, row.hash) == (prefix, hashlib.sha256(secret.encode()).digest())
    assert secret not in str(row)


def test_no_two_keys_are_the_same(database: Database) -> None:
    assert len({new(database) for _ in range(20)}) == 20


@pytest.mark.parametrize("spoil", ["{0}x", "x{0}", "{0}\n", "", "msk_", "MSK{0}", "{1}", "msk_{1}_", "{2}"])
def test_what_is_not_the_whole_key_opens_nothing(database: Database, spoil: str) -> None:
    key, other = new(database), new(database, name="bob")
    crossed = f"{key[:17]}{other[17:]}"
    assert whose(database, spoil.format(key, key[4:16], crossed)) is None


def test_a_revoked_key_opens_nothing_and_its_sisters_do(database: Database) -> None:
    old, fresh = new(database), new(database)
    for now_ms in (5, 9):
        database.run(lambda c, at=now_ms: revoke(c, old[4:16], now_ms=at))
    assert (whose(database, old), whose(database, fresh)) == (None, Caller("ana", "analyst"))
    assert sorted(key.revoked_ms or 0 for key in database.read(listed)) == [0, 5]


def test_a_key_that_is_not_there_cannot_be_revoked(database: Database) -> None:
    with pytest.raises(Unknown):
        database.run(lambda c: revoke(c, "0" * 12, now_ms=1))


def test_a_name_has_one_role_at_a_time(database: Database) -> None:
    key = new(database, "analyst")
    with pytest.raises(NameTaken, match="analyst"):
        new(database, "approver")
    database.run(lambda c: revoke(c, key[4:16], now_ms=2))
    assert whose(database, new(database, "approver")) == Caller("ana", "approver")
