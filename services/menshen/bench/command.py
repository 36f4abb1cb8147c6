"""`menshen bench`: how fast this machine is, and where the time goes."""

import contextlib
import json
import secrets
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table

from menshen.bench.crowd import Crowd
from menshen.bench.sampling import Looks
from menshen.bench.seeding import fill, seed, worker_keys
from menshen.bench.stages import BUDGET_US, Stage
from menshen.commands.exits import BUG, FELL_SHORT, end
from menshen.contract import topics
from menshen.detect.rules import load_rules
from menshen.local.process import command
from menshen.shell.embedded.servers import HOST, EmbeddedBroker, EmbeddedValkey, free_port
from menshen.shell.lifeline import Guarded, ServerError
from menshen.shell.settings import DetectSettings, read_settings
from menshen.shell.signing import new_key_pair

N_PARTITIONS = 6
MOST_EVENTS = 60_000
"""What the embedded broker keeps."""
LOOK_S, AT_MOST_S, DRAIN_S = 1.0, 300.0, 10.0


@click.group()
def bench() -> None:
    """Measure how fast this machine is, and where the time goes."""


@bench.command()
@click.option("--events", type=click.IntRange(1_000, MOST_EVENTS), default=40_000, show_default=True, help="To judge.")
@click.option("--subjects", type=click.IntRange(1), default=5_000, show_default=True, help="Who have a past.")
@click.option("--check", is_flag=True, help="End with status 1 where a stage costs more than its budget.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def stages(events: int, subjects: int, check: bool, as_json: bool) -> None:
    """Print the CPU that each stage of the worker takes an event, beside its budget (docs/performance.md).

    Runs one worker as shipped on a log of 2 % checkpoints, 8 % logins and telemetry; broker and Valkey are embedded.
    """

    def say(what: str) -> None:
        if not as_json and sys.stderr.isatty():
            click.echo(what, err=True)

    try:
        found = measured(events, subjects, say)
    except ServerError as error:
        end(str(error), BUG)
    if as_json:
        click.echo(json.dumps([stage._asdict() | {"over": stage.over} for stage in found]))
    else:
        Console().print(_table(found))
    if check and any(stage.over for stage in found):
        sys.exit(FELL_SHORT)


def measured(n_events: int, n_subjects: int, say: Callable[[str], None]) -> Sequence[Stage]:
    """Run a worker and return its stages. Raises `ServerError` where a server or the worker does not start."""
    given = {
        "MENSHEN_SIGNING_KEY": new_key_pair()[0],
        "MENSHEN_PEPPER": secrets.token_hex(32),
        "MENSHEN_LOG_LEVEL": "warning",
        "MENSHEN_KAFKA_API_VERSION": "2.1",
        "MENSHEN_HTTP_HOST": HOST,
        "MENSHEN_HTTP_PORT": str(free_port()),
    }
    settings = read_settings(DetectSettings, given)
    say("living some lives ...")
    crowd = Crowd(n_subjects, load_rules(settings, ""))
    with contextlib.ExitStack() as running:
        one_partition = {topics.CONTROL: 1}
        broker = EmbeddedBroker({name: one_partition.get(name, N_PARTITIONS) for name in topics.ALL})
        running.enter_context(broker)
        valkey = running.enter_context(EmbeddedValkey())
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="menshen-bench-")))
        given |= {"MENSHEN_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers, "MENSHEN_REDIS_URL": valkey.url}
        seed(valkey.url, crowd, worker_keys(given["MENSHEN_PEPPER"], settings.tenant, N_PARTITIONS))
        fill(broker.bootstrap_servers, crowd, n_events, seed=1)
        say(f"judging {n_events} events ...")
        looks = _judged(n_events, given, folder / "looks.json")
    us_a_look = 1e6 * looks.cpu_s / n_events / max(1, sum(looks.looks.values()))
    return [Stage(name, us_a_look * looks.looks.get(name, 0), budget) for name, budget in BUDGET_US.items()]


def _judged(n_events: int, given: dict[str, str], file: Path) -> Looks:
    """Run a worker until it has judged so many events, and return what it wrote."""
    words = command(str(file), settings=given, module="menshen.bench.sampled")
    with Guarded(*words, grace_s=DRAIN_S) as worker:
        worker.name = "menshen detect"
        url = f"http://{HOST}:{given['MENSHEN_HTTP_PORT']}/metrics"
        worker.wait_until(lambda: _n_judged(url) >= n_events, timeout_s=AT_MOST_S)
    return msgspec.json.decode(file.read_bytes(), type=Looks)


def _n_judged(url: str) -> int:
    time.sleep(LOOK_S)
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=3.0) as answer:  # noqa: S310  # our own
        for line in answer.read().decode().splitlines():
            if line.startswith('menshen_detect_events_total{fate="judged"}'):
                return int(float(line.rpartition(" ")[2]))
    return 0


def _table(found: Sequence[Stage]) -> Table:
    table = Table("stage", title="CPU of one worker, us an event", box=None)
    for title in ("us", "budget", ""):
        table.add_column(title, justify="right")
    for stage in found:
        table.add_row(stage.name, f"{stage.us:.2f}", f"{stage.budget_us:.1f}", "over" if stage.over else "")
    table.add_row("all", f"{sum(s.us for s in found):.2f}", f"{sum(s.budget_us for s in found):.1f}", "")
    return table
