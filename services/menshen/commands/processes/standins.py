"""`menshen standins`: scripted stand-ins of the services outside, to rehearse the loan workflow with."""

import asyncio
import json
from pathlib import Path

import click

from menshen.commands.exits import FELL_SHORT, REFUSES, end
from menshen.standins.ledger import LedgerUnreadable
from menshen.standins.process import serve


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to serve on.")
@click.option("--port", type=click.IntRange(0, 65_535), default=0, show_default=True, help="0 is any free one.")
@click.option(
    "--ledger",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file that keeps the bank's ledger over a restart; without one it is in memory.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the URLs as JSON on the first line.")
def standins(host: str, port: int, ledger: Path | None, *, as_json: bool) -> None:
    """Serve a one-time-code service, a face check and a bank until Ctrl-C: none of them real, all of them scripted.

    GET /otp/phones/SUBJECT shows the code that a subject got, PUT /face/people/SUBJECT says whose face it has, POST
    /bank/script puts faults in the way of transfers. Whoever reaches the address can do all of that: never serve it
    where anybody else is.
    """

    def announce(urls: dict[str, str]) -> None:
        click.echo(json.dumps(urls) if as_json else "\n".join(f"{name:10}{url}" for name, url in urls.items()))

    try:
        asyncio.run(serve(host, port, ledger_file=ledger, announce=announce))
    except LedgerUnreadable as unreadable:
        end(f"{ledger}: {unreadable}", REFUSES)
    except OSError as error:
        end(str(error), FELL_SHORT)
