"""What was measured, for people: the rows side by side, the waits by load, and a picture of them."""

import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from tests.bench.cores import worth

Found = Mapping[str, Any]
COLUMNS = (
    ("events/s", "events_per_s", ",.0f"),
    ("CPU us/event", "worker_cpu_us", ".1f"),
    ("Kafka", "kafka_cpu_us", ".1f"),
    ("Redis", "redis_cpu_us", ".1f"),
    ("records", "records", ",d"),
    ("verdicts", "verdicts", ",d"),
    ("RSS MB", "worker_rss_mb", "d"),
)
WAITS = ("p50_ms", "p99_ms", "p99_9_ms", "max_ms")


def machine() -> dict[str, Any]:
    """Return what a figure depends on: the processor, how many there are and what they are worth together, how busy
    they were before, whether the kernel shares them out by session, and whose Python it is (`docs/performance.md`).
    """
    cpuinfo = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
    autogroup = Path("/proc/sys/kernel/sched_autogroup_enabled")
    load_before = round(os.getloadavg()[0], 2)
    return {
        "cpu": (names or [platform.machine()])[0],
        "cores": os.cpu_count(),
        "worth": worth(os.cpu_count() or 1),
        "load_before": load_before,
        "autogroup": autogroup.exists() and autogroup.read_text().strip() == "1",
        "python": f"{platform.python_version()} in {sys.base_prefix}",
    }


def tables(found: Found, console: Console) -> None:
    """Print what was measured."""
    on = found["machine"]
    autogroups = "CPU shared out by session (autogroup)" if on["autogroup"] else "no autogroup"
    together = f"{on['cores']} x {on['cpu']}, together as quick as {on['worth']}"
    console.print(f"{together}, load before {on['load_before']}, {autogroups}, Python {on['python']}")
    if state := found.get("state_bytes"):
        console.print(f"a subject's state: {state['median']:,} bytes at the median, {state['largest']:,} at the most")
    if rows := found.get("rows"):
        console.print(_rows(rows))
    by_workers = _worker_count(found["workers"])
    if waits := found.get("waits"):
        console.print(_waits(f"Open loop, {by_workers}", waits, [f"{at['rate']:,.0f}" for at in waits]))
    if pressure := found.get("pressure"):
        console.print(_waits(f"Under pressure, {by_workers}", list(pressure.values()), list(pressure)))
    if growth := found.get("growth"):
        console.print(_growth(growth))


def _worker_count(n_workers: int) -> str:
    return f"{n_workers} worker{'s' if n_workers > 1 else ''}"


def _rows(rows: Found) -> Table:
    table = Table(title="The same log, one worker each")
    table.add_column("")
    for title, *_ in COLUMNS:
        table.add_column(title, justify="right")
    table.add_column("to Menshen", justify="right")
    ours = rows["menshen"]["events_per_s"] if "menshen" in rows else None
    for name, row in rows.items():
        ratio = f"{row['events_per_s'] / ours:.2f}" if ours else ""
        table.add_row(name, *[format(row[key], form) for _, key, form in COLUMNS], ratio)
    return table


def _waits(what: str, waits: Sequence[Found], names: Sequence[str]) -> Table:
    table = Table(title=f"{what}: ms from an event's append to its record's, and for checkpoints alone")
    titles = ("", "p50", "p99", "p99.9", "max", "checkpoint p99", "p99.9", "CPU us/event", "Kafka", "Redis")
    for title in (*titles, "records", "shed", "generator behind ms"):
        table.add_column(title, justify="right")
    for name, at in zip(names, waits, strict=True):
        asked = at["checkpoint"]
        told = [f"{at[key]:,.0f}" for key in WAITS] + [f"{asked[key]:,.0f}" for key in WAITS[1:3]]
        told += [format(at[f"{who}_cpu_us"], ".1f") for who in ("worker", "kafka", "redis")]
        told += [f"{at['records']:,}", f"{at['shed_share']:.0%}", f"{at['generator_behind_ms']:.0f}"]
        table.add_row(name, *told)
    return table


def _growth(growth: Sequence[Found]) -> Table:
    table = Table(title="Growth: few subjects and many, one worker and several")
    table.add_column("subjects", justify="right")
    table.add_column("workers", justify="right")
    for title, *_ in COLUMNS:
        table.add_column(title, justify="right")
    for row in growth:
        cells = [format(row[key], form) for _, key, form in COLUMNS]
        table.add_row(f"{row['subjects']:,}", str(row["workers"]), *cells)
    return table


def pictures(found: Found, folder: Path) -> None:
    """Draw what was measured into a folder, as SVG."""
    folder.mkdir(parents=True, exist_ok=True)
    if waits := found.get("waits"):
        _drawn(folder / "waits.svg", lambda axes: _waits_by_load(axes, waits, found["workers"]))
    if growth := found.get("growth"):
        _drawn(folder / "growth.svg", lambda axes: _cost_by_size(axes, growth))


def _drawn(file: Path, draw: Callable[[Axes], None]) -> None:
    # The same figures give the same bytes: no date, and names of parts that are no chance.
    with rc_context({"svg.hashsalt": "menshen"}):
        figure = Figure(figsize=(7, 4))
        axes = figure.add_subplot()
        draw(axes)
        axes.grid(visible=True, which="both", alpha=0.3)
        axes.legend()
        figure.savefig(file, format="svg", bbox_inches="tight", metadata={"Date": None})


def _waits_by_load(axes: Axes, waits: Sequence[Found], n_workers: int) -> None:
    rates = [at["rate"] for at in waits]
    for key, label in zip(WAITS[:3], ("p50", "p99", "p99.9"), strict=True):
        axes.plot(rates, [at[key] for at in waits], marker="o", label=label)
    axes.plot(rates, [at["checkpoint"]["p99_ms"] for at in waits], marker="s", linestyle="--", label="checkpoints, p99")
    axes.set(xscale="log", yscale="log", xlabel="events a second, open loop", ylabel="ms from append to record")
    axes.set_title(f"menshen detect, {_worker_count(n_workers)}: how long a record takes")


def _cost_by_size(axes: Axes, growth: Sequence[Found]) -> None:
    for workers in sorted({row["workers"] for row in growth}):
        rows = [row for row in growth if row["workers"] == workers]
        label = _worker_count(workers)
        axes.plot([row["subjects"] for row in rows], [row["worker_cpu_us"] for row in rows], marker="o", label=label)
    axes.set(xscale="log", xlabel="subjects", ylabel="us of CPU an event", ylim=(0, None))
    axes.set_title("menshen detect: what an event costs")
