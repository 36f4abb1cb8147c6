"""What a run can be told."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

MUTATIONS = ("save_unchecked", "no_intent", "save_first", "no_journal")

SHORT_FORM, LONG_FORM = 100_000, 1_000_000
"""Events in either."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """One run. `rows` are those of the fault matrix, empty for all; `rate` is in events a second."""

    events: int = SHORT_FORM
    kills: int = 20
    outage_s: float = 30.0
    seed: int = 1
    rate: float = 130.0
    rows: frozenset[int] = frozenset()
    mutation: str | None = None
    check: bool = False
    as_json: bool = False

    @property
    def whole(self) -> bool:
        """Say whether this is at least the short form: every row, and as much of it as proves something."""
        return not self.rows and self.events >= SHORT_FORM

    @property
    def command(self) -> str:
        """The command that makes this run again."""
        rows = f" --rows {','.join(map(str, sorted(self.rows)))}" if self.rows else ""
        check = " --check" if self.check else ""
        mutation = f" --mutation {self.mutation}" if self.mutation else ""
        return (
            f"python -m tests.chaos --events {self.events} --kills {self.kills} --outage-s {self.outage_s:g}"
            f" --rate {self.rate:g} --seed {self.seed}{rows}{mutation}{check}"
        )


def parse(words: Sequence[str]) -> Options:
    """Read the command line; a word that means nothing ends the program with status 2."""
    defaults = Options()
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Break a real deployment, and count.")
    parser.add_argument("--events", type=_at_least(1_000), default=defaults.events, help="at least so many are sent")
    parser.add_argument("--kills", type=_at_least(0), default=defaults.kills, help="by chance, beside crash points")
    parser.add_argument("--outage-s", type=float, default=defaults.outage_s, help="how long the broker stays away")
    parser.add_argument("--rate", type=float, default=defaults.rate, help="events a second while faults happen")
    parser.add_argument("--seed", type=int, default=defaults.seed, help="what the load and the faults are drawn from")
    parser.add_argument("--rows", type=_rows, default=frozenset(), help="of the fault matrix, 1,2,...; default all")
    parser.add_argument("--mutation", choices=MUTATIONS, help="leave a part of the protocol out: must be red")
    parser.add_argument("--check", action="store_true", help="hold takeovers to their limits; for a quiet machine")
    parser.add_argument("--json", dest="as_json", action="store_true", help="print nothing but the last line")
    return Options(**vars(parser.parse_args(words)))


def _at_least(least: int):  # type: ignore[no-untyped-def]
    def number(text: str) -> int:
        if (n := int(text)) < least:
            raise argparse.ArgumentTypeError(f"at least {least}")
        return n

    return number


def _rows(text: str) -> frozenset[int]:
    try:
        return frozenset(int(row) for row in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError("numbers of rows, such as 1,2,18") from None
