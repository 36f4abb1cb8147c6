"""`menshen up`: everything on this machine, in the foreground, for trying it out and for development."""

import json
import signal
import threading
from pathlib import Path

import click

from menshen.commands.exits import BUG, end
from menshen.local.stack import Stack
from menshen.shell.lifeline import ServerError

LOOK_EVERY_S = 0.5


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the addresses as JSON on the first line.")
@click.option(
    "--partitions", type=click.IntRange(1, 64), default=6, show_default=True, help="Partitions of each topic."
)
@click.option(
    "--env-file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path(".menshen/env"),
    show_default=True,
    help="Where to write the addresses as shell variables, for other terminals; removed at the end.",
)
def up(as_json: bool, partitions: int, env_file: Path) -> None:
    """Run everything with an embedded broker, Valkey and SQLite until Ctrl-C. Nothing is kept: it is for trying out.

    In another terminal, `. .menshen/env` makes the other commands and the client find it.
    """
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    try:
        with Stack(n_partitions=partitions, settings={"MENSHEN_LOG_LEVEL": "warning"}) as stack:
            stack.wait_until_ready()
            _write(env_file, stack)
            try:
                _announce(stack, env_file, as_json=as_json)
                while not stopping.wait(LOOK_EVERY_S):
                    stack.keep_running()
            finally:
                env_file.unlink(missing_ok=True)
    except ServerError as error:
        end(str(error), BUG)


def _write(env_file: Path, stack: Stack) -> None:
    env_file.parent.mkdir(parents=True, exist_ok=True)
    env_file.write_text("".join(f"export {name}={value}\n" for name, value in stack.environment.items()))


def _announce(stack: Stack, env_file: Path, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**stack.environment, "health_url": stack.detect.url}))
        return
    click.echo(f"Menshen is up. In another terminal:  . {env_file}\n")
    for name, value in [*stack.environment.items(), ("health", stack.detect.url)]:
        click.echo(f"  {name:32} {value}")
    click.echo("\nThe embedded broker keeps the newest 5 MB of each partition, in memory. Ctrl-C ends everything.")
