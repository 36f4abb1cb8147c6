"""One seed from the beginning to the oracle's word."""

import gc
import hashlib
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, NamedTuple

import structlog
from tests.simulation.event_loop import VirtualLoop
from tests.simulation.oracle import judge
from tests.simulation.world import World

from menshen.detect.ownership import partition

MEMORIES = (0, 1, 20_000)
"""How many subjects of a partition workers keep in memory once they are saved; each seed has one."""


class Run(NamedTuple):
    """What came of a seed: what was violated, which records differ as they may, what happened, and how."""

    seed: int
    violations: list[str]
    conflicts: list[str]
    counts: Counter[str]
    trace: list[str]

    @property
    def digest(self) -> str:
        """A fingerprint of all that happened, in order."""
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()


def run(seed: int, family: str) -> Run:
    """Run a seed under a family of weather."""
    loop = VirtualLoop(Random(f"loop {seed}"))
    world = World(seed, family, loop)
    loop.set_exception_handler(lambda _, told: world.deployment.ended_by.append(f"{told}"))
    with _silent(), _forgetful(Random(f"memory {seed}").choice(MEMORIES)):
        try:
            loop.run_until_complete(world.live())
            found = judge(world)
            violations = found.violations + loop.unheard()
        finally:
            trace = [str(step) for step in world.trace]
            loop.bury()
    return Run(seed, violations, found.conflicts, world.weather.counts, trace)


@contextmanager
def _forgetful(n_subjects: int) -> Iterator[None]:
    """Have workers keep so few subjects in memory that they must read them again."""
    before = partition.MAX_SUBJECTS
    partition.MAX_SUBJECTS = n_subjects
    try:
        yield
    finally:
        partition.MAX_SUBJECTS = before


@contextmanager
def _silent() -> Iterator[None]:
    """Let the product's own lines go nowhere, and collect no garbage meanwhile."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL), processors=[_drop])
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        structlog.configure(**before)


def _drop(*_: Any) -> Any:
    raise structlog.DropEvent
