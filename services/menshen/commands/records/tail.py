"""`menshen tail`: what comes out of the gate, as it comes."""

import json
import os
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import click
from kafka import KafkaConsumer, TopicPartition
from rich.console import Console
from rich.text import Text

from menshen.client import Unreachable
from menshen.commands.exits import FELL_SHORT, WRONG_USAGE, end, settings_or_exit
from menshen.commands.records import printing
from menshen.commands.records.printing import Record
from menshen.contract import topics
from menshen.contract.signature import TrustedKeys
from menshen.kafka_clients.broker import ANY_BROKER, partitions_of
from menshen.shell.kafka.kafka_python import hush_kafka_python, kafka_python_options
from menshen.shell.settings import KafkaSettings

POLL_MS = 500


class Stream(NamedTuple):
    """A topic, and how one record of it is shown to people and to programs."""

    topic: str
    line: Callable[[Record, TrustedKeys | None], Text]
    fields: Callable[[Record, TrustedKeys | None], dict[str, object]]


STREAMS: Mapping[str, Stream] = {
    "assessments": Stream(topics.ASSESSMENTS, printing.assessment_line, printing.value_object),
    "verdicts": Stream(topics.VERDICTS, printing.verdict_line, printing.value_object),
    "onboarding": Stream(topics.ONBOARDING, printing.plain_line, printing.value_object),
    "dlq": Stream(topics.DEAD_LETTERS, printing.dead_letter_line, printing.dead_letter_object),
}


@click.command()
@click.argument("what", type=click.Choice(list(STREAMS)))
@click.option("--from-beginning", is_flag=True, help="Begin with the oldest record instead of the next.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--limit", type=click.IntRange(min=1), help="End after so many records.")
@click.option(
    "--keys",
    "keys_file",
    envvar="MENSHEN_VERIFY_KEYS_FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Public keys, PEM: say of each verdict whether its signature is good.  [MENSHEN_VERIFY_KEYS_FILE]",
)
@click.option("--bootstrap-servers", help="Instead of MENSHEN_KAFKA_BOOTSTRAP_SERVERS.")
@click.option("--topic", help="Another topic with such records.")
def tail(
    what: str,
    keys_file: Path | None,
    bootstrap_servers: str | None,
    topic: str | None,
    limit: int | None,
    **flags: bool,
) -> None:
    """Print assessments, verdicts, what happens to applications, or dead letters, until Ctrl-C.

    It reads all partitions and belongs to no group: it takes nothing away from others.
    """
    hush_kafka_python()
    stream, keys = STREAMS[what], _keys(keys_file)
    options = {**ANY_BROKER, **kafka_python_options(settings_or_exit(KafkaSettings), bootstrap_servers)}
    show = _json if flags["as_json"] else _Lines().show
    try:
        with closing(_records(topic or stream.topic, options, whole=flags["from_beginning"])) as records:
            for record in islice(records, limit):
                show(stream, record, keys)
    except Unreachable as error:
        end(str(error), FELL_SHORT)
    except BrokenPipeError:
        _stop_writing()
    except KeyboardInterrupt:
        return


def _records(topic: str, options: Mapping[str, object], *, whole: bool) -> Generator[Record]:
    partitions = [TopicPartition(topic, number) for number in partitions_of(topic, options)]
    with KafkaConsumer(**options, enable_auto_commit=False, auto_offset_reset="earliest") as consumer:
        consumer.assign(partitions)
        for where, end_offset in ({} if whole else consumer.end_offsets(partitions)).items():
            consumer.seek(where, end_offset)
        while True:
            for fetched in consumer.poll(POLL_MS).values():
                for r in fetched:
                    yield Record(r.partition, r.offset, r.timestamp, r.key, r.value, r.headers)


def _json(stream: Stream, record: Record, keys: TrustedKeys | None) -> None:
    click.echo(json.dumps(stream.fields(record, keys)))


class _Lines(Console):
    def show(self, stream: Stream, record: Record, keys: TrustedKeys | None) -> None:
        self.print(stream.line(record, keys), soft_wrap=True)

    def on_broken_pipe(self) -> None:
        raise  # noqa: PLE0704  # rich would end the process with status 1


def _keys(file: Path | None) -> TrustedKeys | None:
    try:
        return TrustedKeys.from_pem(file.read_text()) if file else None
    except (OSError, ValueError) as error:
        end(f"{file}: {error}", WRONG_USAGE)


def _stop_writing() -> None:
    """Nobody reads any more: what is still buffered must not complain when Python ends."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
