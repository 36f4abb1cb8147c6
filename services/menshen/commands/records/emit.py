"""`menshen emit`: events from a file or a pipe, one JSON object a line, into Kafka."""

import json
import os
import stat
import sys
import time
from collections import deque
from typing import BinaryIO, NamedTuple

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from menshen.client import EventProducer, NotSent, Receipt, Undecodable, Unreachable
from menshen.commands.exits import FELL_SHORT, end, settings_or_exit
from menshen.commands.records.printing import printable
from menshen.contract.topics import EVENTS
from menshen.shell.kafka.kafka_python import hush_kafka_python, kafka_python_options
from menshen.shell.settings import KafkaSettings

MOST_UNDER_WAY = 5_000
"""Lines sent and not yet acknowledged: what bounds the memory that a large file takes."""


class _Addressed(msgspec.Struct):
    subject_id: str


class Sent(NamedTuple):
    """A line that is under way."""

    number: int
    receipt: Receipt


class Emission:
    """Sends lines, and counts what Kafka has acknowledged and what was refused before it was sent."""

    def __init__(self, producer: EventProducer, *, raw: bool) -> None:
        self.n_sent = self.n_refused = self._last = 0
        self._producer, self._raw = producer, raw
        self._under_way = deque[Sent]()

    def send(self, number: int, line: bytes) -> None:
        """Send one line; raises `Undecodable` if it is no event, `NotSent` if an earlier one was not acknowledged."""
        self._last = number
        if len(self._under_way) >= MOST_UNDER_WAY:
            self._settle_one()
        try:
            receipt = self._producer.send_unchecked(key_of(line), line) if self._raw else self._producer.send(line)
        except Undecodable:
            self.n_refused += 1
            raise
        self._under_way.append(Sent(number, receipt))

    def settle(self) -> None:
        """Wait until every line is acknowledged."""
        while self._under_way:
            self._settle_one()

    @property
    def n_unsure(self) -> int:
        """How many lines are sent and not acknowledged."""
        return len(self._under_way)

    @property
    def first_unsure(self) -> int:
        """The number of the first line that Kafka may not have, once a line has not been acknowledged."""
        return self._under_way[0].number if self._under_way else self._last

    def _settle_one(self) -> None:
        self._under_way[0].receipt.wait()
        self._under_way.popleft()
        self.n_sent += 1


def key_of(line: bytes) -> bytes | None:
    """Return the key of a line that nobody has checked: its subject, if it says one."""
    try:
        return msgspec.json.decode(line, type=_Addressed).subject_id.encode()
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option("--bootstrap-servers", help="Instead of MENSHEN_KAFKA_BOOTSTRAP_SERVERS.")
@click.option("--topic", default=EVENTS, show_default=True, help="Another topic, for trying things out.")
@click.option("--raw", is_flag=True, help="Send lines as they are, valid or not, to see what becomes of them.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON on standard output.")
def emit(file: BinaryIO, bootstrap_servers: str | None, topic: str, *, raw: bool, as_json: bool) -> None:
    """Send the events in FILE, one JSON object a line; `-` is standard input.

    Each line is checked first. One that is no event is named and passed over, and the exit status is 1 in the end.
    Sending a file twice does no harm: an event whose event_id is known changes nothing.
    """
    hush_kafka_python()
    options = kafka_python_options(settings_or_exit(KafkaSettings), bootstrap_servers)
    began_s = time.monotonic()
    try:
        producer = EventProducer(topic=topic, **options)  # type: ignore[arg-type]  # kafka-python's own options
    except Unreachable as error:
        end(str(error), FELL_SHORT)
    emission, complete = Emission(producer, raw=raw), True
    try:
        with producer, _progress(file) as progress:
            _emit_lines(file, emission, progress)
    except NotSent as error:
        complete = False
        click.echo(
            f"{file.name}:{emission.first_unsure}: {error}\nSend the whole file again when Kafka answers.", err=True
        )
    _summarise(emission, time.monotonic() - began_s, as_json=as_json)
    if emission.n_refused or not complete:
        sys.exit(FELL_SHORT)


def _emit_lines(file: BinaryIO, emission: Emission, progress: Progress) -> None:
    task = progress.add_task("", total=_size(file))
    for number, line in enumerate(file, 1):
        try:
            if line.strip():
                emission.send(number, line.rstrip(b"\r\n"))
        except Undecodable as bad:
            told = printable(f"{file.name}:{number}: {bad}")
            progress.console.print(told, markup=False, highlight=False, soft_wrap=True)
        progress.update(task, advance=len(line), description=f"{number} lines")
    emission.settle()


def _progress(file: BinaryIO) -> Progress:
    console = Console(stderr=True)
    of_a_file = (BarColumn(), DownloadColumn()) if _size(file) else ()
    columns = (TextColumn("{task.description}"), *of_a_file, TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _size(file: BinaryIO) -> int | None:
    """Return a file's size in bytes, None for a pipe."""
    try:
        status = os.fstat(file.fileno())
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _summarise(emission: Emission, seconds: float, *, as_json: bool) -> None:
    summary = {
        "sent": emission.n_sent,
        "refused": emission.n_refused,
        "unsure": emission.n_unsure,
        "seconds": round(seconds, 3),
        "per_second": round(emission.n_sent / seconds),
    }
    if as_json:
        click.echo(json.dumps(summary))
        return
    unsure = f", {emission.n_unsure} not acknowledged" if emission.n_unsure else ""
    click.echo(
        f"{emission.n_sent} sent, {emission.n_refused} refused{unsure}"
        f" in {summary['seconds']} s ({summary['per_second']} a second)",
        err=True,
    )
