"""How a command ends: with one clear message on stderr and the exit status that scripts rely on."""

import sys
from typing import Never, TypeVar

import click
from pydantic import BaseModel

from menshen.shell.settings import SettingsError, read_settings

FELL_SHORT = 1
WRONG_USAGE = 2
BUG = 70
REFUSES = 78
T = TypeVar("T", bound=BaseModel)


def end(message: str, status: int) -> Never:
    """Say why, and end with a status."""
    click.echo(message, err=True)
    sys.exit(status)


def settings_or_exit(kind: type[T]) -> T:
    """Read the settings of a process; if any is wrong, name them all and end with status 2."""
    try:
        return read_settings(kind)
    except SettingsError as error:
        end(f"These settings are wrong (see `menshen settings`):\n{error}", WRONG_USAGE)
