"""`menshen settings`: what a process can be told by its environment."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from rich.console import Console
from rich.table import Table

from menshen.shell.bundled import shown
from menshen.shell.settings import PREFIX, DetectSettings, is_secret


class Setting(NamedTuple):
    """One variable of the environment; `default` is None where it must be given."""

    name: str
    default: str | None
    meaning: str
    secret: bool


def all_settings() -> Iterator[Setting]:
    """Yield every setting in the order in which its group declares it."""
    for name, field in DetectSettings.model_fields.items():
        yield Setting(PREFIX + name.upper(), _default(field), field.description or "", is_secret(field))


def _default(field: FieldInfo) -> str | None:
    if field.default is PydanticUndefined:
        return None
    if isinstance(field.default, SecretStr):
        return field.default.get_secret_value()
    if isinstance(field.default, Path):
        return shown(field.default)
    return "" if field.default is None else str(field.default)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")
def settings(as_json: bool) -> None:
    """List the settings of the processes with their defaults and meaning.

    Each secret can also be given as a file, by the name with _FILE at its end.
    """
    if as_json:
        click.echo(json.dumps([setting._asdict() for setting in all_settings()], indent=2))
        return
    table = Table("setting", "default", "meaning", box=None)
    for setting in all_settings():
        shown = "required" if setting.default is None else setting.default
        table.add_row(setting.name + (" (_FILE)" if setting.secret else ""), shown, setting.meaning)
    Console(width=None if Console().is_terminal else 160).print(table)
