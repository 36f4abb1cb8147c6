"""`menshen detect`: the worker that judges events, or several."""

import sys

import click

from menshen.commands.exits import REFUSES, end, settings_or_exit
from menshen.detect.service import run_detect
from menshen.shell.errors import Refusal
from menshen.shell.logs import configure
from menshen.shell.prefork import Prefork
from menshen.shell.settings import DetectSettings


@click.command()
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes; one a core is best."
)
def detect(workers: int) -> None:
    """Judge events: the worker between the events topic and the verdicts. Settings come from the environment.

    Workers share the partitions, here and on other machines. Of several here, each has a port of its own for health,
    from MENSHEN_HTTP_PORT on, and one that crashes is begun again. SIGTERM finishes the batch in hand, saves and leaves
    within 10 s. Where Kafka or Redis does not answer it waits; /readyz says so.
    """
    settings = settings_or_exit(DetectSettings)
    configure(settings.log_format, settings.log_level)
    if workers == 1:
        _run(settings)
    else:
        sys.exit(Prefork(lambda number: _run(settings.one_of_several(number)), workers).until_all_ended())


def _run(settings: DetectSettings) -> None:
    try:
        run_detect(settings)
    except Refusal as refusal:
        end(f"menshen detect refuses to start: {refusal}", REFUSES)
