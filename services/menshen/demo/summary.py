"""What is said after the play: which expectations held, what the reasons mean, and what was not shown."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

import click
import msgspec
from rich.console import Console
from rich.table import Column, Table

from menshen.demo.checking import Check
from menshen.demo.gate.books import BOOKS, Entry, sum_of
from menshen.demo.scenarios import Titled
from menshen.demo.story import UTC_OFFSET_MS
from menshen.fraud.reasons import REASONS

NOTES = (
    "In brackets: what the learned score adds, which may come or not.\n"
    "Events are played with the clock of the stories, days in seconds, and applications in real time: how long it\n"
    "took says nothing of throughput. The one-time code, the face check and the bank are stand-ins, over HTTP.\n"
    "Not shown: a real Kafka, and a restart. Here the log and the state are in memory only."
)


CHINA = timezone(timedelta(milliseconds=UTC_OFFSET_MS))


class Result(NamedTuple):
    """A whole play: what was told, what was held against it, and what the bank has paid."""

    told: tuple[Titled, ...]
    checks: tuple[Check, ...]
    entries: tuple[Entry, ...]
    n_records: int
    elapsed_s: float

    @property
    def held(self) -> bool:
        """Say whether all came as the stories say."""
        return all(check.held for check in self.checks)


def show_summary(result: Result, console: Console) -> None:
    """Print the table of expectations, the meaning of the reasons, and what the figures are."""
    shown = [check for check in result.checks if check.row.telling or not check.held]
    if console.is_terminal:
        console.print(_table(shown))
    else:
        for check in shown:
            click.echo(_line(check))
    _explain(shown)
    if result.entries:
        _show_books(result.entries, console)
    n_held, n_checks = sum(check.held for check in result.checks), len(result.checks)
    click.echo(f"\nWhat led up to these: {n_checks - len(shown)} expectations more, each held.")
    click.echo(NOTES)
    click.echo(
        f"\n{n_held} of {n_checks} expectations held. {result.n_records} records, {result.elapsed_s:.0f} s in all."
    )


def as_json(result: Result) -> dict[str, Any]:
    """Return the whole play for programs."""
    return {
        "held": result.held,
        "records": result.n_records,
        "seconds": round(result.elapsed_s, 1),
        "scenarios": [
            {"name": told.name, "story": told.text, **_expectations(result.checks, told.name)} for told in result.told
        ],
        "ledger": {
            **_expectations(result.checks, BOOKS),
            "entries": [_entry(entry) for entry in result.entries],
            "sum": f"{sum_of(entry.transfer.amount for entry in result.entries)}",
        },
    }


def _expectations(checks: Iterable[Check], name: str) -> dict[str, Any]:
    ours = [check for check in checks if check.scenario == name]
    return {"held": all(check.held for check in ours), "expectations": [_row(check) for check in ours]}


def _row(check: Check) -> dict[str, Any]:
    row = check.row
    return {
        "event_id": row.event_id,
        "what": row.what,
        "telling": row.telling,
        "expected": check.expected,
        "got": check.got,
        "score": row.score,
        "reasons": [{"code": r.code, "points": r.points, "evidence": r.evidence} for r in row.reasons],
        "held": check.held,
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return {**msgspec.structs.asdict(entry.transfer), "paid_ms": entry.paid_ms, "verdict_id": entry.verdict_id}


def _table(checks: Iterable[Check]) -> Table:
    table = Table("scenario", "asked", "expected", "got", "")
    last = ""
    for check in checks:
        name, mark = check.scenario if check.scenario != last else "", "[green]✓[/]" if check.held else "[bold red]✗[/]"
        table.add_row(name, check.row.what, check.expected, check.got, mark)
        last = check.scenario
    return table


def _line(check: Check) -> str:
    about = f"{check.scenario}: {check.row.what}"
    if check.held:
        return f"held    {about}: {check.got}"
    return f"FAILED  {about}: expected {check.expected}, but {check.got}"


def _explain(checks: Iterable[Check]) -> None:
    codes = sorted({reason.code for check in checks for reason in check.row.reasons})
    click.echo("\nWhat an analyst reads:" if codes else "")
    for code in codes:
        click.echo(f"  {code:24} {REASONS[code].analyst.en if code in REASONS else ''}")


def _show_books(entries: Sequence[Entry], console: Console) -> None:
    rows = [_cells_of(entry) for entry in entries]
    total = ("sum", "", f"{sum_of(entry.transfer.amount for entry in entries)}", "", "")
    if not console.is_terminal:
        click.echo("\nThe bank's ledger:")
        for draw, payee, amount, when, allow in (*rows, total):
            click.echo(f"  {draw:28} {payee:12} {amount:>12}  {when:10} {allow}".rstrip())
        return
    table = Table("draw", "payee", Column("amount", justify="right"), "when", "allowed by", title="The bank's ledger")
    for row in (*rows, total):
        table.add_row(*row)
    console.print("", table)


def _cells_of(entry: Entry) -> tuple[str, str, str, str, str]:
    """Return the cells of an entry: draw, payee, amount, when, and the verdict that allowed it."""
    transfer = entry.transfer
    when = "" if entry.paid_ms is None else f"{datetime.fromtimestamp(entry.paid_ms / 1000, CHINA):%H:%M:%S}"
    draw, amount = f"{transfer.application_id} {transfer.draw_id}", f"{transfer.currency} {transfer.amount}"
    return draw, transfer.payee_ref, amount, when, entry.verdict_id or "NOTHING"
