"""Measures Menshen beside the limit of its parts and beside stock frameworks: `python -m tests.bench --help`.

All runs on this machine: Apache Kafka, Valkey, the worker, the generator. Progress goes to stderr, `--json` gives
all figures; with `--check`, status 1 says that a limit was not kept.
"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from tests.bench import growth, latency, pressure, rows
from tests.bench.contestants.judging import rules_as_shipped
from tests.bench.house import House
from tests.bench.latency import Load
from tests.bench.limits import fell_short
from tests.bench.noise import Noise
from tests.bench.showing import machine, pictures, tables

from menshen.bench.crowd import Crowd
from menshen.bench.seeding import fill

WIDTH = 160
"""Of the tables where they go to a file, so that no heading is cut."""
FEWEST = 1_000
"""Events at a rate: with fewer there may be no checkpoint among them."""
ALL = ["floor", "floor_with_state", "menshen", "stock_faust", *(["quix_streams"] if rows.QUIX else [])]


def main() -> None:
    """Measure, show, and judge."""
    given = _given()
    began_s, noise = time.monotonic(), Noise()

    def say(what: str) -> None:
        noise.look()
        print(f"{time.monotonic() - began_s:6.1f} s  {what}", file=sys.stderr, flush=True)

    # What a worker wrote is printed when it has ended: it is for a test that failed.
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        found = _measured(given, say)
    mood = noise.mood()
    found["noise"] = mood._asdict() | {"noisy": mood.noisy}
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")
    if given.pictures:
        pictures(found, given.pictures)
    tables(found, Console(width=None if sys.stdout.isatty() else WIDTH))
    print(mood)
    short = list(fell_short(found))
    for line in short:
        print(f"fell short: {line}")
    if short:
        print("where the time goes, and what was tried: docs/performance.md")
    sys.exit(1 if short and given.check else 0)


def _given(words: Sequence[str] | None = None) -> argparse.Namespace:
    options = _options()
    given = options.parse_args(words)
    rates = _rates(given) + [pressure.USUAL.rate] * given.pressure
    if any(rate * given.seconds < FEWEST for rate in rates):
        options.error(f"fewer than {FEWEST:,} events say nothing of waits: more --seconds or higher --rates ('': none)")
    return given


def _rates(given: argparse.Namespace) -> list[float]:
    return [float(rate) for rate in given.rates.split(",") if rate]


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    options.add_argument("--events", type=int, default=200_000, help="in the log that all take (default %(default)s)")
    options.add_argument("--subjects", type=int, default=20_000, help="who have a past (default %(default)s)")
    options.add_argument("--seed", type=int, default=1, help="of people and events (default %(default)s)")
    options.add_argument("--rows", default=",".join(ALL), help="who takes the log (default %(default)s)")
    options.add_argument(
        "--rates", default="1000,2000,5000,10000,20000", help="open loop, events/s ('': none; default %(default)s)"
    )
    options.add_argument("--seconds", type=float, default=20.0, help="at each rate (default %(default)s)")
    options.add_argument(
        "--workers", type=int, default=os.cpu_count(), help="open loop and pressure, processes (default %(default)s)"
    )
    options.add_argument("--pressure", action="store_true", help="a flood of telemetry, a hot device; who is held up?")
    options.add_argument("--growth", default="", help="numbers of subjects, such as 1000,100000,1000000 (default none)")
    options.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    options.add_argument("--pictures", type=Path, metavar="FOLDER", help="draw waits and growth there, as SVG")
    options.add_argument("--check", action="store_true", help="end with status 1 where a limit is not kept")
    return options


def _measured(given: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    found: dict[str, Any] = {"machine": machine(), "seed": given.seed, "workers": given.workers}
    say("living some lives")
    rules = rules_as_shipped()
    crowd = Crowd(given.subjects, rules, seed=given.seed)
    found["state_bytes"] = crowd.state_bytes()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if names := [name for name in given.rows.split(",") if name]:
            with House(folder / "rows", crowd, say) as house:
                found["rows"] = _rows(house, names, given)
        if loads := [Load(rate) for rate in _rates(given)]:
            with House(folder / "waits", crowd, say) as house:
                found["waits"] = latency.menshen(house, "waits", loads, given.seconds, given.workers)
        if given.pressure:
            with House(folder / "pressure", crowd, say) as house:
                found["pressure"] = pressure.measured(house, given.seconds, given.workers)
        if sizes := [int(size) for size in given.growth.split(",") if size]:
            crowds = [Crowd(size, rules, seed=given.seed) for size in sizes]
            found["growth"] = growth.grown(folder, crowds, given.events, given.seed, say)
    return found


def _rows(house: House, names: list[str], given: argparse.Namespace) -> dict[str, Any]:
    house.say(f"filling the log with {given.events} events")
    fill(house.kafka.bootstrap_servers, house.crowd, given.events, seed=given.seed)
    found = {}
    for name in names:
        row = rows.menshen if name == "menshen" else rows.contestant
        found[name] = row(house, name, given.events)
        house.say(f"{name}: {found[name]['events_per_s']:,.0f} events/s")
    return found


if __name__ == "__main__":
    main()
