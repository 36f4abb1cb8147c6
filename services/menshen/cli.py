"""The command line: one file a command under `commands/`, loaded when it is called, so `--help` answers at once."""

import importlib

import click

COMMANDS = {
    "up": ("menshen.commands.processes.up:up", "Run everything on this machine, to try it out."),
    "demo": ("menshen.demo.command:demo", "Play named scenarios through the gate and check what comes out."),
    "detect": ("menshen.commands.processes.detect:detect", "Judge events: the worker between events and verdicts."),
    "onboard": (
        "menshen.commands.processes.onboard:onboard",
        "Lead applications to the money: the gated workflow.",
    ),
    "database": ("menshen.commands.database:database", "Bring the database of onboard to this release."),
    "api-keys": ("menshen.commands.api_keys:api_keys", "Make and revoke keys to the API of onboard."),
    "standins": ("menshen.commands.processes.standins:standins", "Serve scripted stand-ins of the services outside."),
    "emit": ("menshen.commands.records.emit:emit", "Send events from a file."),
    "tail": ("menshen.commands.records.tail:tail", "Watch assessments, verdicts or dead letters come."),
    "dlq": ("menshen.commands.dead_letters.dlq:dlq", "Look at dead letters, and send them again."),
    "topics": ("menshen.commands.topics:topics", "Create the topics; name what differs."),
    "gaps": ("menshen.commands.gaps:gaps", "Name lost events before which a partition stands still."),
    "bench": ("menshen.bench.command:bench", "Measure where a worker's time goes."),
    "learn": ("menshen.commands.learn:learn", "Train the learned score."),
    "keys": ("menshen.commands.keys:keys", "Make the keys that sign verdicts."),
    "settings": ("menshen.commands.settings:settings", "List the settings of the processes."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of their use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list without importing any command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="menshen")
def main() -> None:
    """Menshen: a real-time anti-fraud gate for lending. Events in from Kafka, explained and signed verdicts out.

    Exit status: 0 held or drained; 1 a check fell short; 2 wrong usage or settings; 70 unexpected, restart me; 75 lost
    ownership, restart me; 78 refuses until an operator acts, do not restart.
    """


if __name__ == "__main__":
    main()
