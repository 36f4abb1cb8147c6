"""`menshen dlq`: what could not be judged, to be looked at and sent again."""

import heapq
import json
from collections import Counter
from collections.abc import Iterable, Iterator

import click
from rich.console import Console
from rich.text import Text

from menshen.commands.dead_letters.asked import BOOTSTRAP_SERVERS, REASON, SINCE, PlaceType
from menshen.commands.dead_letters.letters import Letter, Place, read_again, why_not
from menshen.commands.dead_letters.printing import counted, letter_line, letter_object, letter_page
from menshen.commands.dead_letters.replay import replay
from menshen.commands.dead_letters.topic import connection, dead_letters
from menshen.commands.exits import FELL_SHORT, end
from menshen.contract.topics import EVENTS
from menshen.kafka_clients.broker import partitions_of


@click.group()
def dlq() -> None:
    """Look at dead letters, the records that could not be judged, and send them again.

    Exit status: 0 done; 1 a letter is not there, or was not sent, or no broker answers; 2 wrong usage or settings.
    """


dlq.add_command(replay)


@dlq.command("list")
@REASON
@SINCE
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="Show the newest so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object: the letters, and the counts.")
@BOOTSTRAP_SERVERS
def list_letters(reason: str | None, since_ms: int, limit: int, as_json: bool, bootstrap_servers: str | None) -> None:
    """Show dead letters, one a line and the newest last; count all of them by reason at the end.

    A line says where the letter lies, when it came, why, where its record lay, its key, its size, and what was wrong.
    """
    by_reason = Counter[str]()
    with dead_letters(connection(bootstrap_servers)) as topic:
        asked = _counting(topic.since(since_ms, reason), by_reason)
        newest = heapq.nlargest(limit, asked, key=lambda letter: (letter.record.timestamp_ms, letter.place))[::-1]
    if as_json:
        told = {"letters": [letter_object(letter) for letter in newest], "by_reason": dict(by_reason)}
        click.echo(json.dumps(told | {"n_letters": by_reason.total()}))
        return
    _print(map(letter_line, newest))
    hidden = f"; the newest {limit} are shown" if by_reason.total() > limit else ""
    click.echo(counted(by_reason) + hidden, err=True)


@dlq.command()
@click.argument("place", type=PlaceType())
@click.option("--json", "as_json", is_flag=True, help="One JSON object, with the whole value.")
@BOOTSTRAP_SERVERS
def show(place: Place, as_json: bool, bootstrap_servers: str | None) -> None:
    """Show all of the dead letter at PARTITION/OFFSET, and what this release would make of it now."""
    options = connection(bootstrap_servers)
    with dead_letters(options) as topic:
        found = next(topic.at([place]), None)
        n_partitions = len(partitions_of(EVENTS, options))
    if found is None:
        end(f"there is no dead letter at {place}: `menshen dlq list` names those that there are", FELL_SHORT)
    reading = read_again(found, n_partitions)
    obstacle = why_not(found, reading, quarantined=False)
    if as_json:
        now = {"refusal": reading.refusal, "told": reading.told, "not_replayed": obstacle}
        click.echo(json.dumps(letter_object(found) | {"now": now}))
        return
    _print(letter_page(found, reading, obstacle), whole=True)


def _counting(letters: Iterable[Letter], by_reason: Counter[str]) -> Iterator[Letter]:
    for letter in letters:
        by_reason[letter.reason] += 1
        yield letter


def _print(lines: Iterable[Text], *, whole: bool = False) -> None:
    """Print lines; a terminal gets each cut to its width unless it is to be `whole`."""
    console = Console()
    for line in lines:
        if console.is_terminal and not whole:
            console.print(line, no_wrap=True, overflow="ellipsis")
        else:
            console.print(line, soft_wrap=True)
