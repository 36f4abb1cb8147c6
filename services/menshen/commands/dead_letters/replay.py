"""`menshen dlq replay`: dead letters go to the events topic again, as far as this release reads them."""

import json
import sys
from collections import Counter
from collections.abc import Iterable

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

from menshen.client import EventProducer, NotSent
from menshen.commands.dead_letters.asked import BOOTSTRAP_SERVERS, REASON, SINCE, PlaceType
from menshen.commands.dead_letters.letters import Letter, Place
from menshen.commands.dead_letters.sending import Fate, Replaying, fates
from menshen.commands.dead_letters.topic import connection, dead_letters
from menshen.commands.exits import FELL_SHORT
from menshen.commands.records.printing import printable
from menshen.contract.topics import EVENTS
from menshen.kafka_clients.broker import partitions_of

MOST_NAMED = 50
"""Letters to be sent that are named before it asks; the others are named all."""


@click.command()
@click.argument("places", type=PlaceType(), nargs=-1)
@REASON
@SINCE
@click.option("--quarantined", is_flag=True, help="Also those that ended a worker: a mended release is running.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before sending.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object: what became of each letter.")
@BOOTSTRAP_SERVERS
def replay(
    places: tuple[Place, ...], reason: str | None, since_ms: int, bootstrap_servers: str | None, **flags: bool
) -> None:
    """Send the dead letters at PLACES (PARTITION/OFFSET), or all with a --reason, to the events topic again.

    Key, value and headers go out as they came. Each is read first as `detect` would read it: what would be refused
    again is named and not sent. The event_id stays, so what has been judged already changes nothing, for as long as
    it is among the newest 64 events of its subject. Five minutes after it occurred an event is late: it may cost its
    subject trust, and never earns it any.

    Exit status: 0 all were sent, or would be; 1 some were not, or no broker answers; 2 wrong usage or settings.
    """
    if bool(places) == bool(reason) or (places and since_ms):
        raise click.UsageError("name places, or a --reason and perhaps --since")
    options = connection(bootstrap_servers)
    with dead_letters(options) as topic:

        def asked_for() -> Iterable[Letter]:
            return topic.at(dict.fromkeys(places)) if places else topic.since(since_ms, reason)

        found = list(fates(asked_for(), len(partitions_of(EVENTS, options)), quarantined=flags["quarantined"]))
        absent = sorted(set(places) - {fate.place for fate in found})
        chosen = {fate.place for fate in found if fate.status == "send"}
        if not flags["as_json"]:
            _announce(found, absent)
        if chosen and not (flags["dry_run"] or flags["yes"]):
            click.confirm(f"Send {len(chosen)} to {EVENTS}?", abort=True, err=True)
        if chosen and not flags["dry_run"]:
            found = send_chosen(asked_for(), found, EventProducer(**options))  # type: ignore[arg-type]  # kafka-python's own
    _summarise(found, absent, as_json=flags["as_json"])
    done = {"sent", "copy", "send" if flags["dry_run"] else "sent"}
    sys.exit(FELL_SHORT if absent or any(fate.status not in done for fate in found) else 0)


def _announce(found: Iterable[Fate], absent: Iterable[Place]) -> None:
    """Name what is about to be sent, as far as it can be taken in, and all that is not."""
    n_named = 0
    for fate in found:
        n_named += fate.status == "send"
        if fate.status != "send" or n_named <= MOST_NAMED:
            click.echo(printable(f"{fate.status:8} {fate.place!s:8} {fate.reason:15} {fate.source}  {fate.told}"))
    if n_named > MOST_NAMED:
        click.echo(f"send     {n_named - MOST_NAMED} more")
    for place in absent:
        click.echo(f"absent   {place!s:8} there is no dead letter")


def send_chosen(letters: Iterable[Letter], found: list[Fate], producer: EventProducer) -> list[Fate]:
    """Send what is to be sent, and return what became of all."""
    chosen = {fate.place for fate in found if fate.status == "send"}
    replaying = Replaying(producer)
    try:
        with producer, _progress() as progress:
            for _ in progress.track(replaying.send(letters, chosen), total=len(chosen)):
                pass
    except NotSent as error:
        click.echo(f"{error}\nReplay the same again when Kafka answers.", err=True)
    return [
        fate._replace(status="sent" if fate.place in replaying.sent else "unsure") if fate.place in chosen else fate
        for fate in found
    ]


def _progress() -> Progress:
    console = Console(stderr=True)
    columns = BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _summarise(found: list[Fate], absent: list[Place], *, as_json: bool) -> None:
    counts = Counter[str](fate.status for fate in found)
    if as_json:
        letters = [fate._asdict() | {"place": str(fate.place)} for fate in found]
        click.echo(json.dumps({"letters": letters, "absent": [str(place) for place in absent], "counts": counts}))
        return
    told = [f"{n} {status}" for status, n in counts.items()] + ([f"{len(absent)} absent"] if absent else [])
    click.echo(", ".join(told) or "no such dead letter", err=True)
