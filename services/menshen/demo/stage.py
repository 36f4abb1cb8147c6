"""Where the play is watched: a table that follows it on a terminal, plain lines anywhere else, silence for programs."""

import contextlib
import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import click
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from menshen.demo.checking import Row
from menshen.demo.scenarios import Titled
from menshen.demo.story import clock_of

N_ROWS = 14
STYLES = {
    **dict.fromkeys(("allow", "open", "done"), "green"),
    **dict.fromkeys(("step_up", "proving"), "yellow"),
    "review": "dark_orange",
    **dict.fromkeys(("block", "refused"), "bold red"),
}
COLUMNS = ("when", "event", "score", "decision", "reasons")


class Stage(Protocol):
    """Shows scenarios, one after the other."""

    def open(self, scenario: Titled) -> None:
        """Begin with a scenario."""

    def show(self, row: Row) -> None:
        """Show one thing that happened."""

    def close(self) -> None:
        """End the scenario, or leave it in the middle."""


class Silent:
    """Shows nothing."""

    def open(self, scenario: Titled) -> None:
        """Begin with a scenario."""

    def show(self, row: Row) -> None:
        """Show one thing that happened."""

    def close(self) -> None:
        """End the scenario."""


class PlainLines:
    """Prints what the stories are about, for logs."""

    def __init__(self, first_midnight_ms: int) -> None:
        self._first_midnight_ms = first_midnight_ms

    def open(self, scenario: Titled) -> None:
        """Print the scenario's line."""
        click.echo(f"{scenario.name}: {scenario.text}")

    def show(self, row: Row) -> None:
        """Print it if the story is about it."""
        if row.telling:
            click.echo("  " + "  ".join(filter(None, cells_of(row, self._first_midnight_ms))))

    def close(self) -> None:
        """End the scenario."""


class LiveTable:
    """Follows every record; of a scenario that is over, what it is about stays on the screen."""

    def __init__(self, console: Console, first_midnight_ms: int) -> None:
        self._console, self._first_midnight_ms = console, first_midnight_ms
        self._live: Live | None = None

    def open(self, scenario: Titled) -> None:
        """Begin a table under the scenario's line."""
        self._title = Text.assemble("\n", (scenario.name, "bold"), f"  {scenario.text}")
        self._newest, self._kept = deque[Row](maxlen=N_ROWS), deque[Row](maxlen=N_ROWS)
        self._live = Live(console=self._console, transient=True, refresh_per_second=12)
        self._live.start()

    def show(self, row: Row) -> None:
        """Add a row."""
        self._newest.append(row)
        if row.kept:
            self._kept.append(row)
        if self._live:
            self._live.update(Group(self._title, self._table(self._newest)))

    def close(self) -> None:
        """Leave the title, and the rows that the story is about or that something was held against."""
        if self._live:
            self._live.stop()
            self._live = None
            self._console.print(self._title, self._table(self._kept), sep="\n")

    def _table(self, rows: Iterable[Row]) -> Table:
        table = Table(*COLUMNS, box=None, padding=(0, 2, 0, 0), header_style="dim")
        for row in rows:
            when, what, score, outcome, reasons = cells_of(row, self._first_midnight_ms)
            table.add_row(when, what, score, Text(outcome, STYLES.get(outcome, "magenta")), reasons)
        return table


def cells_of(row: Row, first_midnight_ms: int) -> tuple[str, str, str, str, str]:
    """Return the cells of a row: when, event, score, decision, and the reasons with their points."""
    reasons = ", ".join(f"{reason.code} {reason.points}" for reason in row.reasons)
    score = "" if row.score is None else str(row.score)
    return clock_of(first_midnight_ms, row.at_ms), row.what, score, row.outcome, reasons


def stage_for(console: Console, first_midnight_ms: int, *, silent: bool) -> Stage:
    """Return the stage that suits where the output goes."""
    if silent:
        return Silent()
    return LiveTable(console, first_midnight_ms) if console.is_terminal else PlainLines(first_midnight_ms)


@contextlib.contextmanager
def logs_held_back(console: Console, file: Path) -> Iterator[None]:
    """Keep what the processes log for the end where a terminal is watched: it would run through the tables."""
    if not console.is_terminal:
        yield
        return
    shown = os.dup(sys.stderr.fileno())
    with file.open("wb") as held_back:
        os.dup2(held_back.fileno(), sys.stderr.fileno())
    try:
        yield
    finally:
        os.dup2(shown, sys.stderr.fileno())
        os.close(shown)
        sys.stderr.write(file.read_text(errors="replace"))
