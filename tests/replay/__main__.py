"""Tells one log again in many ways, and compares every byte: `python -m tests.replay --help`, or `make replay`.

Where the assessments stand in the log as the journal, the same records must come of it, by any number of workers in
batches of any size, and so they must without it where nothing is shared between partitions. The last line is JSON.
"""

import argparse
import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path
from random import SystemRandom
from typing import Any

from tests.replay.books import published
from tests.replay.house import House, Told

PARTITIONS = 6
SMALL = 100_000
"""Events that are told in batches of a few: each batch costs what it costs, however small."""
WITHOUT_JOURNAL, SHARING_NOTHING = "--without-journal", "--sharing-nothing"


class Replay:
    """The run: what was found so far is in `found`, `problems` says what must not be."""

    def __init__(self, n_events: int, seed: int, folder: Path) -> None:
        self._n_events, self._seed, self._folder = n_events, seed, folder
        self._started_s = time.monotonic()
        self.found: dict[str, Any] = {"events": n_events, "seed": seed, "seconds": {}, "differences": {}}
        self.problems: list[str] = []

    def say(self, what: str) -> None:
        """Show progress."""
        print(f"{time.monotonic() - self._started_s:7.1f} s  {what}", file=sys.stderr, flush=True)

    def run(self) -> None:
        """Tell everything."""
        with House(self._folder / "many", PARTITIONS, self.say) as house:
            house.fill(self._n_events, self._seed)
            self._with_journal(house)
            self._sharing_nothing(house)
        n_small = min(SMALL, self._n_events)
        if self._n_events > SMALL:
            with House(self._folder / "small", PARTITIONS, self.say) as house:
                house.fill(n_small, self._seed)
                self._one_by_one(house)
            self._one_partition(self._n_events, 512, 64)
        self._one_partition(n_small, 512, 256, 7, 1)

    def _with_journal(self, house: House) -> None:
        first = self._timed("judged by 2 workers", house.judge(2))
        book = published(house.kafka.bootstrap_servers)
        self.found["records"] = len(book)
        self._expect_none("published twice with other bytes", book.n_conflicts)
        rebuilt = self._timed("rebuilt by 2 workers", house.judge(2))
        again = published(house.kafka.bootstrap_servers)
        self._expect_none("published by a rebuild", again.n_differences(book) + again.n_conflicts)
        self._expect_same("rebuilt state", first, rebuilt)
        for n_workers in (1, 3):
            name = f"journal, {n_workers} workers"
            told = self._timed(name, house.retell(n_workers))
            self._expect_none(name, book.n_differences(told.book) + told.book.n_conflicts)
            self._expect_same(name, first, told)
        if self._n_events <= SMALL:
            self._one_by_one_against(house, book, first)
        told = self._timed("no journal, everything shared", house.retell(3, WITHOUT_JOURNAL))
        n_other = self.found["without_journal_and_shared"] = book.n_differences(told.book)
        if n_other == 0:
            self.problems.append("without the journal nothing differed: this load proves nothing")
        if told.state.sets != first.state.sets:
            self.problems.append("no journal: the shared state is another")

    def _one_by_one(self, house: House) -> None:
        first = self._timed("judged by 2 workers, small", house.judge(2))
        self._one_by_one_against(house, published(house.kafka.bootstrap_servers), first)

    def _one_by_one_against(self, house: House, book: Any, first: Told) -> None:
        name = "journal, batches of 1"
        told = self._timed(name, house.retell(2, batch_max=1))
        self._expect_none(name, book.n_differences(told.book) + told.book.n_conflicts)
        self._expect_same(name, first, told)

    def _sharing_nothing(self, house: House) -> None:
        without = (WITHOUT_JOURNAL, SHARING_NOTHING)
        one = self._timed("nothing shared, 1 worker", house.retell(1, *without))
        three = self._timed("nothing shared, 3 workers", house.retell(3, *without))
        name = "no journal, nothing shared"
        self._expect_none(name, one.book.n_differences(three.book) + one.book.n_conflicts + three.book.n_conflicts)
        self._expect_same(name, one, three)

    def _one_partition(self, n_events: int, first: int, *others: int) -> None:
        """Tell a log of one partition in batches of several sizes, without the journal and with everything shared."""
        with House(self._folder / f"one-{n_events}", 1, self.say) as house:
            house.fill(n_events, self._seed)
            told = {n: self._in_batches(house, n_events, n) for n in (first, *others)}
        for n in others:
            name = f"one partition, {n_events} events, batches of {n} against {first}"
            self._expect_none(name, told[first].book.n_differences(told[n].book) + told[n].book.n_conflicts)
            self._expect_same(name, told[first], told[n])

    def _in_batches(self, house: House, n_events: int, n: int) -> Told:
        told = house.retell(1, WITHOUT_JOURNAL, batch_max=n)
        return self._timed(f"one partition, {n_events} events, batches of {n}", told)

    def _timed(self, name: str, told: Told) -> Told:
        self.say(f"{name}: {told.seconds:.1f} s, {len(told.book) or ''} records")
        self.found["seconds"][name] = round(told.seconds, 1)
        return told

    def _expect_none(self, name: str, n_differences: int) -> None:
        self.found["differences"][name] = n_differences
        self.say(f"{name}: {n_differences} records differ")
        if n_differences:
            self.problems.append(f"{name}: {n_differences} records")

    def _expect_same(self, name: str, one: Told, other: Told) -> None:
        parts = ("blobs", "sets", "marks")
        differing = [what for what in parts if getattr(one.state, what) != getattr(other.state, what)]
        self.problems += [f"{name}: {what} differ" for what in differing]
        self.say(f"{name}: the state {'differs in ' + ', '.join(differing) if differing else 'is the same'}")


def main() -> None:
    """Run, and print what was found."""
    options = argparse.ArgumentParser(prog="python -m tests.replay", description=__doc__)
    options.add_argument("--events", type=int, default=20_000, help="how many (default %(default)s)")
    options.add_argument("--seed", type=int, default=SystemRandom().randrange(2**32), help="of the events")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        replay = Replay(given.events, given.seed, Path(folder))
        replay.run()
    for problem in replay.problems:
        print(problem, file=sys.stderr)
    print(json.dumps(replay.found | {"problems": replay.problems, "held": not replay.problems}))
    sys.exit(1 if replay.problems else 0)


if __name__ == "__main__":
    main()
