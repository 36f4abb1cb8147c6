"""Many seeds, on several processes."""

import multiprocessing
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tests.simulation.mutations import mutated
from tests.simulation.run import run

CHUNK = 8


class Setting(NamedTuple):
    """What a seed is run under: a family of weather, and perhaps a mutation."""

    family: str
    mutation: str | None = None


class Outcome(NamedTuple):
    """What came of a seed, without its trace."""

    seed: int
    family: str
    violations: list[str]
    n_conflicts: int
    counts: Counter[str]
    digest: str


def sweep(settings: Iterable[tuple[int, Setting]], jobs: int) -> Iterator[Outcome]:
    """Run seeds, each under its setting; yield what came of them in the order in which they were given."""
    if jobs == 1:
        yield from map(outcome, settings)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(outcome, settings, chunksize=CHUNK)


def outcome(given: tuple[int, Setting]) -> Outcome:
    """Run one seed."""
    seed, (family, mutation) = given
    with mutated(mutation):
        ended = run(seed, family)
    return Outcome(seed, family, ended.violations, len(ended.conflicts), ended.counts, ended.digest)
