"""`menshen topics`: bring a cluster's topics in line with the catalogue, or show how they stand."""

import json
import logging
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from menshen.commands.exits import FELL_SHORT, WRONG_USAGE, end, settings_or_exit
from menshen.shell.errors import Unavailable
from menshen.shell.kafka.cluster import Cluster, Refused, apply
from menshen.shell.kafka.topics import CatalogueError, Condition, Topic, catalogue, compare, overridden
from menshen.shell.settings import KafkaSettings

AS_DECLARED = frozenset({"unchanged", "created", "fixed"})
Command = Callable[..., None]


@click.group()
def topics() -> None:
    """Create the topics, and see whether they are as declared in schemas/topics."""
    # The client's own log would repeat every failed attempt beside the one message that says what to do.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)


def _options(command: Command) -> Command:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table."),
        click.option("--folder", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Other topics."),
        click.option("--replication", type=click.IntRange(1), help="Replicas of every topic. [default: as declared]"),
        click.option(
            "--partitions",
            type=click.IntRange(1),
            help="Partitions of all keyed topics together. Never change it afterwards. [default: as declared]",
        ),
    ):
        command = option(command)
    return command


@topics.command("apply")
@_options
@click.option("--fix", is_flag=True, help="Also set settings that differ. A shorter retention deletes records.")
def apply_topics(fix: bool, as_json: bool, **wanted: Any) -> None:
    """Create the topics that are missing; name every difference of the others and leave them as they are.

    Run it as often as you like. Exit status: 0 all is as declared, 1 something is not, or no broker answers, 2 wrong
    settings.
    """
    declared = _declared(**wanted)
    try:
        with Cluster(settings_or_exit(KafkaSettings)) as cluster:
            conditions = apply(cluster, declared, fix=fix)
    except (Unavailable, Refused) as error:
        end(str(error), FELL_SHORT)
    _show(declared, conditions, as_json=as_json)
    sys.exit(_status(conditions))


@topics.command("list")
@_options
def list_topics(as_json: bool, **wanted: Any) -> None:
    """Show the catalogue and, where a broker answers, how its topics stand. Changes nothing.

    Exit status: 0 all is as declared or no broker answers, 1 something is missing or differs, 2 wrong settings.
    """
    declared = _declared(**wanted)
    try:
        with Cluster(settings_or_exit(KafkaSettings)) as cluster:
            conditions = compare(declared, cluster.find(declared))
    except (Unavailable, Refused) as error:
        click.echo(f"{error}; this is the catalogue", err=True)
        _show(declared, [Condition(topic.name, "unknown") for topic in declared], as_json=as_json)
        return
    _show(declared, conditions, as_json=as_json)
    sys.exit(_status(conditions))


def _declared(folder: Path | None, partitions: int | None, replication: int | None) -> tuple[Topic, ...]:
    try:
        return overridden(catalogue(folder), partitions=partitions, replication=replication)
    except CatalogueError as error:
        end(str(error), WRONG_USAGE)


def _status(conditions: Iterable[Condition]) -> int:
    return 0 if all(condition.status in AS_DECLARED for condition in conditions) else FELL_SHORT


def _show(declared: tuple[Topic, ...], conditions: Iterable[Condition], *, as_json: bool) -> None:
    rows = _rows(declared, conditions)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table("topic", "key", "partitions", "replicas", "kept", "state", box=None)
    for row in rows:
        cells = (str(row.get(column, "")) for column in ("topic", "key", "partitions", "replication", "kept"))
        differences = (f"{d['what']} is {d['found']}, not {d['declared']}" for d in row["differences"])
        table.add_row(*cells, "\n".join([row["status"], *differences]))
    Console(width=None if Console().is_terminal else 160).print(table)


def _rows(declared: tuple[Topic, ...], conditions: Iterable[Condition]) -> list[dict[str, Any]]:
    by_name = {topic.name: topic for topic in declared}
    return [_row(by_name.get(condition.topic), condition) for condition in conditions]


def _row(topic: Topic | None, condition: Condition) -> dict[str, Any]:
    differences = [{"what": d.what, "declared": d.declared, "found": d.found} for d in condition.differences]
    stands = {"topic": condition.topic, "status": condition.status, "differences": differences}
    if topic is None:
        return stands
    kept = "newest of each key" if topic.cleanup == "compact" else f"{topic.retention_days or 'any number of'} days"
    numbers = {"key": topic.key, "partitions": topic.partitions, "replication": topic.replication, "kept": kept}
    return stands | numbers | {"schemas": list(topic.schemas), "settings": topic.settings}
