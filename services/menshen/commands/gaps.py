"""`menshen gaps`: what to do about a partition that says DEGRADED."""

import asyncio
import json

import click

from menshen.commands.exits import FELL_SHORT, end, settings_or_exit
from menshen.detect.ownership.gaps import find_gaps
from menshen.shell.errors import Unavailable
from menshen.shell.settings import DetectSettings


@click.command()
@click.option("--accept", is_flag=True, help="Go on behind the lost events. It cannot be undone.")
@click.option("--yes", is_flag=True, help="Do not ask before accepting.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
def gaps(accept: bool, yes: bool, as_json: bool) -> None:
    """Name the events that retention took from the log before the state in Redis included them.

    Such a partition is not judged: nobody may pass over events in silence. Restore a backup of Redis that reaches
    further; or, where there is none, --accept: what these events would have taught is lost, and subjects whose state is
    gone are newcomers. Reads the settings of `detect`. Exit status: 0 no gap is left, 1 some are.
    """
    settings = settings_or_exit(DetectSettings)
    if accept and not yes:
        click.confirm("Go on behind events that will never be judged?", abort=True, err=True)
    try:
        found = asyncio.run(find_gaps(settings, accept=accept))
    except Unavailable as outage:
        end(str(outage), FELL_SHORT)
    if as_json:
        click.echo(json.dumps([gap._asdict() | {"n_lost": gap.n_lost, "accepted": accept} for gap in found]))
    for gap in () if as_json else found:
        click.echo(
            f"partition {gap.partition}: {gap.n_lost} events before {gap.log_begins} are lost"
            + ("; accepted" if accept else "")
        )
    raise SystemExit(FELL_SHORT if found and not accept else 0)
