"""`menshen learn`: train the score on generated sessions."""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from menshen.commands.exits import FELL_SHORT, WRONG_USAGE, end

if TYPE_CHECKING:
    from menshen.shell.models import Manifest

LEAST_AUC = 0.9
BAR_WIDTH = 20
MARKS = "▏▎▍▌▋▊▉█"


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("model"),
    show_default=True,
    help="Folder for arrays.npz and manifest.json; MENSHEN_MODEL_DIR then names it.",
)
@click.option("--subjects", type=click.IntRange(50, 100_000), default=4000, show_default=True, help="Honest customers.")
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=1, show_default=True, help="The same, the same model."
)
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON instead of a summary.")
def learn(out: Path, subjects: int, seed: int, as_json: bool) -> None:
    """Train the learned score on GENERATED sessions, and say how it does on others of them.

    Sessions of honest customers and of frauds are generated and judged by the real detectors; what these measured is
    what the score learns from. The figures show that the parts work together, not how it would do on your customers.

    Exit status: 0, 1 if the model is hardly better than chance (it is written all the same), 2 without scikit-learn.
    """
    try:
        training = importlib.import_module("menshen.learn.training")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "sklearn":
            raise
        end("Training needs scikit-learn:  pip install 'menshen[learn]'", WRONG_USAGE)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        end(f"--out {out}: {error.strerror}", WRONG_USAGE)
    with _progress() as shown:
        task = shown.add_task("starting", total=1)
        manifest = training.train(
            out,
            seed=seed,
            n_subjects=subjects,
            progress=lambda what, done, of: shown.update(task, description=what, completed=done, total=of),
        )
    report(manifest, out, as_json=as_json)


def report(manifest: "Manifest", out: Path, *, as_json: bool) -> None:
    """Print what was made, and end with status 1 if it is hardly better than chance."""
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(manifest), indent=2))
    else:
        _show(Console(), manifest, out)
    risk_auc = manifest.metrics["risk_auc"]
    if not isinstance(risk_auc, float) or risk_auc < LEAST_AUC:
        end(f"The score hardly tells frauds from honest sessions: AUC below {LEAST_AUC}", FELL_SHORT)


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    return Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True)


def _show(console: Console, manifest: "Manifest", out: Path) -> None:
    """Print a picture of how the risk parts the two kinds, then the figures."""
    console.print("\n[bold]Risk on held-out GENERATED sessions[/bold], share of each kind by tenths\n")
    console.print(picture(manifest))
    console.print(f"\n[bold]{manifest.name}[/bold] in {out}: trained and measured on generated sessions only\n")
    console.print(_figures(manifest))


def picture(manifest: "Manifest") -> Table:
    """Return bars: how honest and fraud rows spread over the risk, and what share of each tenth was fraud."""
    table = Table("risk", "honest", "fraud", "rows", "was fraud", box=None)
    histogram = manifest.metrics["histogram"]
    assert isinstance(histogram, list)
    honest, frauds = (max(1.0, sum(column)) for column in zip(*histogram, strict=True))
    for tenth, (n_honest, n_fraud) in enumerate(histogram):
        rows = n_honest + n_fraud
        was_fraud = f"{n_fraud / rows:.0%}" if rows else ""
        bars = (f"[green]{bar(n_honest / honest)}", f"[red]{bar(n_fraud / frauds)}")
        table.add_row(f"{tenth / 10:.1f}-{(tenth + 1) / 10:.1f}", *bars, f"{rows:.0f}", was_fraud)
    return table


def bar(share: float, width: int = BAR_WIDTH) -> str:
    """Return a bar of eighths of a character; anything above nothing is seen."""
    eighths = max(int(share > 0), round(share * width * len(MARKS)))
    full, rest = divmod(eighths, len(MARKS))
    return MARKS[-1] * full + (MARKS[rest - 1] if rest else "")


def _figures(manifest: "Manifest") -> Table:
    table = Table(box=None, show_header=False)
    for name, figure in {**manifest.about, **manifest.metrics}.items():
        if not isinstance(figure, list):
            table.add_row(name.replace("_", " "), str(figure))
    return table
