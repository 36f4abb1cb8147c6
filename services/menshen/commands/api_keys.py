"""`menshen api-keys`: who may call the API of onboard, and as what."""

import json
import re
from datetime import UTC, datetime
from typing import get_args

import click

from menshen.commands.database import opened
from menshen.commands.exits import FELL_SHORT, WRONG_USAGE, end
from menshen.onboard.api import keys
from menshen.onboard.api.keys import NameTaken, Role
from menshen.onboard.desk import clock_ms
from menshen.onboard.sql.store import Unknown


@click.group("api-keys")
def api_keys() -> None:
    """Make and revoke keys to the API of onboard.

    Roles: `service` opens applications and leads them along; `analyst` looks at reviews and votes; `approver` too, and
    one of them is needed for an appeal; `auditor` only reads.
    """


@api_keys.command()
@click.option("--role", type=click.Choice(get_args(Role)), required=True, help="What the key may do.")
@click.option("--name", required=True, help="Whose key it is: a pseudonym, one a person, up to 64 visible ASCII.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of the key alone.")
def new(role: Role, name: str, *, as_json: bool) -> None:
    """Make a key and print it, for the only time: the database holds a digest.

    A name may have several keys, but of one role: a person with two roles would count as two in an appeal.
    """
    if not re.fullmatch("[!-~]{1,64}", name):
        end("--name: 1 to 64 visible ASCII characters", WRONG_USAGE)
    with opened() as database:
        database.check_schema()
        try:
            key = database.run(lambda connection: keys.issue(connection, role, name, now_ms=clock_ms()))
        except NameTaken as taken:
            end(str(taken), FELL_SHORT)
    click.echo(json.dumps({"key": key, "role": role, "name": name}) if as_json else key)


@api_keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")
def list_keys(*, as_json: bool) -> None:
    """List all keys that were ever made, without their secrets."""
    with opened() as database:
        database.check_schema()
        found = database.read(keys.listed)
    if as_json:
        click.echo(json.dumps([key._asdict() for key in found], indent=2))
        return
    for key in found:
        revoked = "" if key.revoked_ms is None else f"  revoked {_utc(key.revoked_ms)}"
        click.echo(f"{key.prefix}  {key.role:9} {key.name}  made {_utc(key.made_ms)}{revoked}")


@api_keys.command()
@click.argument("prefix")
def revoke(prefix: str) -> None:
    """Let the key with PREFIX open nothing any more, from the next call on."""
    with opened() as database:
        database.check_schema()
        try:
            database.run(lambda connection: keys.revoke(connection, prefix, now_ms=clock_ms()))
        except Unknown as unknown:
            end(str(unknown), FELL_SHORT)


def _utc(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
