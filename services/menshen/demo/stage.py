"""Where the play is watched: a table that follows it on a terminal, plain lines anywhere else, silence for programs."""

from collections import deque
from collections.abc import Iterable
from typing import Protocol

import click
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from menshen.demo.checking import Played
from menshen.demo.scenarios import Scenario
from menshen.demo.story import clock_of

N_ROWS = 14
STYLES = {"allow": "green", "step_up": "yellow", "review": "dark_orange", "block": "bold red"}
COLUMNS = ("when", "event", "score", "decision", "reasons")


class Stage(Protocol):
    """Shows scenarios, one after the other."""

    def open(self, scenario: Scenario) -> None:
        """Begin with a scenario."""

    def show(self, played: Played) -> None:
        """Show what came of one record."""

    def close(self) -> None:
        """End the scenario, or leave it in the middle."""


class Silent:
    """Shows nothing."""

    def open(self, scenario: Scenario) -> None:
        """Begin with a scenario."""

    def show(self, played: Played) -> None:
        """Show what came of one record."""

    def close(self) -> None:
        """End the scenario."""


class PlainLines:
    """Prints what the stories are about, for logs."""

    def __init__(self, first_midnight_ms: int) -> None:
        self._first_midnight_ms = first_midnight_ms

    def open(self, scenario: Scenario) -> None:
        """Print the scenario's line."""
        click.echo(f"{scenario.name}: {scenario.text}")

    def show(self, played: Played) -> None:
        """Print a record if the story is about it."""
        if played.line.telling:
            click.echo("  " + "  ".join(filter(None, row_of(played, self._first_midnight_ms))))

    def close(self) -> None:
        """End the scenario."""


class LiveTable:
    """Follows every record; of a scenario that is over, what it is about stays on the screen."""

    def __init__(self, console: Console, first_midnight_ms: int) -> None:
        self._console, self._first_midnight_ms = console, first_midnight_ms
        self._live: Live | None = None

    def open(self, scenario: Scenario) -> None:
        """Begin a table under the scenario's line."""
        self._title = Text.assemble("\n", (scenario.name, "bold"), f"  {scenario.text}")
        self._newest, self._kept = deque[Played](maxlen=N_ROWS), deque[Played](maxlen=N_ROWS)
        self._live = Live(console=self._console, transient=True, refresh_per_second=12)
        self._live.start()

    def show(self, played: Played) -> None:
        """Add a row."""
        self._newest.append(played)
        if played.line.telling or (played.reasons and played.line.expected is None):
            self._kept.append(played)
        if self._live:
            self._live.update(Group(self._title, self._table(self._newest)))

    def close(self) -> None:
        """Leave the title, and the rows that the story is about or that something was held against."""
        if self._live:
            self._live.stop()
            self._live = None
            self._console.print(self._title, self._table(self._kept), sep="\n")

    def _table(self, rows: Iterable[Played]) -> Table:
        table = Table(*COLUMNS, box=None, padding=(0, 2, 0, 0), header_style="dim")
        for played in rows:
            when, what, score, outcome, reasons = row_of(played, self._first_midnight_ms)
            table.add_row(when, what, score, Text(outcome, STYLES.get(outcome, "magenta")), reasons)
        return table


def row_of(played: Played, first_midnight_ms: int) -> tuple[str, str, str, str, str]:
    """Return the cells of a record: when, event, score, decision, and the reasons with their points."""
    scored = played.verdict or played.assessment
    reasons = ", ".join(f"{reason.code} {reason.points}" for reason in played.reasons)
    when = clock_of(first_midnight_ms, played.line.appended_ms)
    return when, played.line.what, str(scored.score) if scored else "", played.outcome, reasons


def stage_for(console: Console, first_midnight_ms: int, *, silent: bool) -> Stage:
    """Return the stage that suits where the output goes."""
    if silent:
        return Silent()
    return LiveTable(console, first_midnight_ms) if console.is_terminal else PlainLines(first_midnight_ms)
