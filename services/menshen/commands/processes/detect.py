"""`menshen detect`: the worker that judges events."""

import click

from menshen.commands.exits import REFUSES, end, settings_or_exit
from menshen.detect.service import run_detect
from menshen.shell.errors import Refusal
from menshen.shell.logs import configure
from menshen.shell.settings import DetectSettings


@click.command()
def detect() -> None:
    """Judge events: the worker between the events topic and the verdicts. Settings come from the environment.

    Start as many as there are cores; they share the partitions. SIGTERM finishes the batch in hand, saves and leaves
    within 10 s. Where Kafka or Redis does not answer it waits; /readyz says so.
    """
    settings = settings_or_exit(DetectSettings)
    configure(settings.log_format, settings.log_level)
    try:
        run_detect(settings)
    except Refusal as refusal:
        end(f"menshen detect refuses to start: {refusal}", REFUSES)
