"""What is said after the play: which expectations held, what the reasons mean, and what was not shown."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import click
from rich.console import Console
from rich.table import Table

from menshen.demo.checking import Check
from menshen.demo.scenarios import SCENARIOS
from menshen.fraud.reasons import REASONS

NOTES = (
    "In brackets: what the learned score adds, which may come or not.\n"
    "Played with the clock of the stories: days in seconds, so how long it took says nothing of throughput.\n"
    "Not shown: a real Kafka, and a restart. Here the log and the state are in memory only."
)


class Result(NamedTuple):
    """A whole play."""

    checks: tuple[Check, ...]
    n_records: int
    elapsed_s: float

    @property
    def held(self) -> bool:
        """Say whether all came as the stories say."""
        return all(check.held for check in self.checks)


def show_summary(result: Result, console: Console) -> None:
    """Print the table of expectations, the meaning of the reasons, and what the figures are."""
    told = [check for check in result.checks if check.played.line.telling or not check.held]
    if console.is_terminal:
        console.print(_table(told))
    else:
        for check in told:
            click.echo(_line(check))
    _explain(told)
    n_held, n_checks = sum(check.held for check in result.checks), len(result.checks)
    click.echo(f"\nDecisions that led up to these: {n_checks - len(told)}, each an allow with nothing held against it.")
    click.echo(NOTES)
    click.echo(
        f"\n{n_held} of {n_checks} expectations held. {result.n_records} records, {result.elapsed_s:.0f} s in all."
    )


def as_json(result: Result) -> dict[str, Any]:
    """Return the whole play for programs."""
    by_name = {s.name: [c for c in result.checks if c.scenario == s.name] for s in SCENARIOS}
    scenarios = [
        {
            "name": scenario.name,
            "story": scenario.text,
            "held": all(check.held for check in by_name[scenario.name]),
            "expectations": [_row(check) for check in by_name[scenario.name]],
        }
        for scenario in SCENARIOS
        if by_name[scenario.name]
    ]
    return {
        "held": result.held,
        "records": result.n_records,
        "seconds": round(result.elapsed_s, 1),
        "scenarios": scenarios,
    }


def _row(check: Check) -> dict[str, Any]:
    line, reasons = check.played.line, check.played.reasons
    return {
        "event_id": line.event.event_id if line.event else None,
        "what": line.what,
        "telling": line.telling,
        "expected": check.expected,
        "got": check.got,
        "score": check.played.verdict.score if check.played.verdict else None,
        "reasons": [{"code": r.code, "points": r.points, "evidence": r.evidence} for r in reasons],
        "held": check.held,
    }


def _table(checks: Iterable[Check]) -> Table:
    table = Table("scenario", "asked", "expected", "got", "")
    last = ""
    for check in checks:
        name, mark = check.scenario if check.scenario != last else "", "[green]✓[/]" if check.held else "[bold red]✗[/]"
        table.add_row(name, check.played.line.what, check.expected, check.got, mark)
        last = check.scenario
    return table


def _line(check: Check) -> str:
    about = f"{check.scenario}: {check.played.line.what}"
    if check.held:
        return f"held    {about}: {check.got}"
    return f"FAILED  {about}: expected {check.expected}, but {check.got}"


def _explain(checks: Iterable[Check]) -> None:
    codes = sorted({reason.code for check in checks for reason in check.played.reasons})
    click.echo("\nWhat an analyst reads:" if codes else "")
    for code in codes:
        click.echo(f"  {code:24} {REASONS[code].analyst.en if code in REASONS else ''}")
