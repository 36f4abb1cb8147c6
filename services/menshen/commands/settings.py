"""`menshen settings`: what a process can be told by its environment."""

import json
from pathlib import Path
from typing import NamedTuple

import click
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from rich.console import Console
from rich.table import Table

from menshen.shell.bundled import shown
from menshen.shell.settings import PREFIX, PROCESSES, is_secret


class Setting(NamedTuple):
    """One variable of the environment; `default` is None where it must be given, `process` names who reads it."""

    name: str
    default: str | None
    meaning: str
    secret: bool
    process: str


def all_settings() -> list[Setting]:
    """Return every setting in the order of its declaration; one that means the same to several processes once."""
    merged = dict[Setting, list[str]]()
    for kind in PROCESSES:
        for name, field in kind.model_fields.items():
            setting = Setting(PREFIX + name.upper(), _default(field), field.description or "", is_secret(field), "")
            merged.setdefault(setting, []).append(kind.__name__.removesuffix("Settings").lower())
    return [setting._replace(process=", ".join(processes)) for setting, processes in merged.items()]


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
    table = Table("setting", "default", "meaning", "process", box=None)
    for setting in all_settings():
        shown = "required" if setting.default is None else setting.default
        table.add_row(setting.name + (" (_FILE)" if setting.secret else ""), shown, setting.meaning, setting.process)
    Console(width=None if Console().is_terminal else 160).print(table)
