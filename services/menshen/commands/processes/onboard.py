"""`menshen onboard`: the loan workflow."""

import click

from menshen.commands.exits import FELL_SHORT, REFUSES, end, settings_or_exit
from menshen.onboard.service import run_onboard
from menshen.shell.errors import Refusal, Unavailable
from menshen.shell.logs import configure
from menshen.shell.settings import OnboardSettings


@click.command()
def onboard() -> None:
    """Lead applications from eligibility to the money. Settings come from the environment.

    A step opens on a verdict alone: signed, fresh, unused and about exactly what was asked. Reads verdicts from Kafka,
    publishes questions there, keeps its state in SQL and serves the API. SIGTERM finishes what is in hand, within 10 s.
    """
    settings = settings_or_exit(OnboardSettings)
    configure(settings.log_format, settings.log_level)
    try:
        run_onboard(settings)
    except Refusal as refusal:
        end(f"menshen onboard refuses to start: {refusal}", REFUSES)
    except Unavailable as outage:
        end(f"menshen onboard cannot start yet: {outage}", FELL_SHORT)
