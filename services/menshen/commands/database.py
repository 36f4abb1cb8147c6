"""`menshen database`: the schema of onboard's database."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
from pydantic import BaseModel, ConfigDict

from menshen.commands.exits import FELL_SHORT, REFUSES, end, settings_or_exit
from menshen.onboard.sql.database import Database
from menshen.shell.errors import Refusal, Unavailable
from menshen.shell.settings import DatabaseUrl, OnboardSettings


class DatabaseSettings(BaseModel):
    """Where the database is; the rest of onboard's settings is not needed for it."""

    model_config = ConfigDict(frozen=True)

    database_url: DatabaseUrl = OnboardSettings.model_fields["database_url"].default


@click.group()
def database() -> None:
    """Bring the database at MENSHEN_DATABASE_URL to this release, or see whether it is."""


@database.command()
def upgrade() -> None:
    """Bring the schema to this release's. Safe to call again; stop `onboard` first."""
    with opened() as found:
        found.upgrade()
    click.echo("the schema is this release's")


@database.command()
def check() -> None:
    """Say whether the schema is this release's: status 0 if so, 1 if not."""
    with opened() as found:
        try:
            found.check_schema()
        except Refusal as refusal:
            end(str(refusal), FELL_SHORT)
    click.echo("the schema is this release's")


@contextmanager
def opened() -> Iterator[Database]:
    """Give the database; end with a clear message if nobody answers there, or if the schema is another."""
    url = settings_or_exit(DatabaseSettings).database_url.get_secret_value()
    found = Database(url)
    try:
        yield found
    except Unavailable as outage:
        end(str(outage), FELL_SHORT)
    except Refusal as refusal:
        end(str(refusal), REFUSES)
    finally:
        found.close()
