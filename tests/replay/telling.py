"""`menshen detect` that tells the log again into files: `python -m tests.replay.telling --into FOLDER detect`.

Nothing is published. The journal gives what was observed, unless it is to be left aside; the shared state is kept,
unless nothing is to be shared.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.chaos.inside.retelling import retell

from menshen.cli import main as menshen
from menshen.detect import loop
from menshen.detect.ownership.partition import Partition
from menshen.detect.ownership.takeover import Takeover


def without_journal() -> None:
    """Have a new owner read nothing of what is published."""

    async def nothing(_: Takeover, __: Partition) -> None:
        return

    Takeover._read_journal = nothing  # type: ignore[method-assign]
    Takeover._read_answers = nothing  # type: ignore[method-assign]


def sharing_nothing() -> None:
    """Have no event enter anything into the state that partitions share."""

    def none_of(_: Any) -> Iterator[Any]:
        return iter(())

    loop.shared_of = none_of


def main() -> None:
    """Be `menshen`, but for what is asked."""
    options = argparse.ArgumentParser(prog="python -m tests.replay.telling", description=__doc__)
    options.add_argument("--into", type=Path, required=True, metavar="FOLDER", help="where the records go")
    options.add_argument("--without-journal", action="store_true", help="leave aside what is published")
    options.add_argument("--sharing-nothing", action="store_true", help="leave aside what partitions share")
    options.add_argument("command", nargs=argparse.REMAINDER, help="what `menshen` is asked for")
    given = options.parse_args()
    retell(given.into)
    if given.without_journal:
        without_journal()
    if given.sharing_nothing:
        sharing_nothing()
    menshen(given.command)


if __name__ == "__main__":
    main()
