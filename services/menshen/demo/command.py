"""`menshen demo`: named scenarios through the whole gate, each with what must come of it."""

import json
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import click
from rich.console import Console

from menshen.commands.exits import BUG, FELL_SHORT, end
from menshen.contract.signature import TrustedKeys
from menshen.demo.checking import Check
from menshen.demo.gate.books import Entry, audit, read_books
from menshen.demo.gate.lender import Lender
from menshen.demo.gate.scenarios import GATE_SCENARIOS, GateScenario
from menshen.demo.gate.scene import Scene, Theatre
from menshen.demo.places import write_base
from menshen.demo.player import Player
from menshen.demo.scenarios import SCENARIOS, Scenario
from menshen.demo.stage import Stage, logs_held_back, stage_for
from menshen.demo.story import Story, first_midnight_ms
from menshen.demo.summary import Result, as_json, show_summary
from menshen.local.stack import Stack
from menshen.shell.lifeline import ServerError
from menshen.shell.settings import KafkaSettings, read_settings

Playable = Scenario | GateScenario
ALL: Sequence[Playable] = (*SCENARIOS, *GATE_SCENARIOS)
INTERRUPTED = 130
LOOK_EVERY_S = 0.5


@click.command()
@click.option("--hold", is_flag=True, help="Stay up afterwards, until Ctrl-C.")
@click.option("--json", "to_program", is_flag=True, help="Print one JSON object with the results.")
@click.option("--list", "listing", is_flag=True, help="List the scenarios and end.")
@click.option("--only", metavar="NAME", multiple=True, type=click.Choice([s.name for s in ALL]), help="Play this one.")
@click.option("--database", metavar="URL", help="An empty database to use, such as postgresql://... [default: SQLite]")
def demo(hold: bool, to_program: bool, listing: bool, only: Sequence[str], database: str | None) -> None:
    """Play named scenarios through the gate, and check what comes out.

    Starts an embedded broker, Valkey, `detect`, `onboard` and stand-ins of the services outside, sends honest customers
    and frauds through Kafka and the API, and compares each verdict, each step and the bank's ledger with what the
    stories expect. Nothing is kept.

    Exit status: 0 all came as expected, 1 something else came, 70 a server did not start.
    """
    chosen = [scenario for scenario in ALL if not only or scenario.name in only]
    if listing:
        for scenario in chosen:
            click.echo(f"{scenario.name:20} {scenario.text}")
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        held = _run(chosen, hold=hold, to_program=to_program, database_url=database)
    except ServerError as error:
        end(str(error), BUG)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    if not held:
        sys.exit(FELL_SHORT)


def _run(chosen: Sequence[Playable], *, hold: bool, to_program: bool, database_url: str | None) -> bool:
    started_s, first_ms = time.monotonic(), first_midnight_ms(int(time.time() * 1000))
    console = Console()
    stage = stage_for(console, first_ms, silent=to_program)
    with tempfile.TemporaryDirectory(prefix="menshen-demo-") as folder:
        base = Path(folder) / "places.mmdb"
        write_base(base)
        settings = {"MENSHEN_GEOIP_FILE": str(base), "MENSHEN_LOG_LEVEL": "warning"}
        stack = Stack(settings=settings, database_url=database_url)
        with logs_held_back(console, Path(folder) / "log"), stack:
            if not to_program:
                click.echo("Starting a broker, Valkey, detect, onboard and stand-ins of the services outside ...")
            stack.wait_until_ready()
            play = _play(chosen, stack, stage, first_ms)
            result = Result(tuple(chosen), *play, time.monotonic() - started_s)
            if to_program:
                click.echo(json.dumps(as_json(result), indent=2))
            else:
                show_summary(result, console)
            if hold:
                _hold(stack, to_program=to_program)
    return result.held


def _play(
    chosen: Sequence[Playable], stack: Stack, stage: Stage, first_ms: int
) -> tuple[tuple[Check, ...], tuple[Entry, ...], int]:
    settings = read_settings(KafkaSettings, stack.environment)
    keys = TrustedKeys.from_pem(Path(stack.environment["MENSHEN_VERIFY_KEYS_FILE"]).read_text())
    lender = Lender(stack.onboard.url, stack.api_keys, stack.urls)
    with Player(settings, keys) as player:
        scenes = [
            _play_one(scenario, Theatre(player, lender, stack.keep_running, stage), first_ms) for scenario in chosen
        ]
        entries = read_books(lender, player)
    checks, payments = [c for scene in scenes for c in scene.checks], [p for scene in scenes for p in scene.payments]
    audited = audit(entries, payments) if any(isinstance(one, GateScenario) for one in chosen) else ()
    return (*checks, *audited), entries, sum(scene.n_records for scene in scenes)


def _play_one(scenario: Playable, theatre: Theatre, first_ms: int) -> Scene:
    scene = Scene(Story(scenario.name, first_ms), theatre)
    theatre.stage.open(scenario)
    with closing(theatre.stage):
        if isinstance(scenario, GateScenario):
            scenario.play(scene)
        else:
            scenario.tale(scene.story)
            scene.send()
    return scene


def _hold(stack: Stack, *, to_program: bool) -> None:
    """Keep everything up until Ctrl-C, which then is the ordinary end."""
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    if to_program:
        click.echo(json.dumps({**stack.environment, "health_url": stack.detect.url}))
    else:
        click.echo(f"\nEverything stays up, health at {stack.detect.url}. In another terminal:\n")
        for name, value in stack.environment.items():
            click.echo(f"  export {name}={value}")
        click.echo("\nCtrl-C ends it.")
    while not stopping.wait(LOOK_EVERY_S):
        stack.keep_running()
