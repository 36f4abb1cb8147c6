"""Where CPU is counted: that each stage still has its function, and that looks fall where the work is."""

import time

import pytest

from menshen.bench.sampling import Sampler
from menshen.bench.stages import _BY_FUNCTION, BUDGET_US, stage_of
from menshen.detect import account, arrivals
from menshen.detect.loop import Loop
from menshen.fraud.detectors import DETECTORS
from menshen.fraud.model import Model
from menshen.shell.redis.journey import Journeys
from menshen.shell.signing import Signer

FUNCTIONS = [
    (Loop._observe, "observe"),
    (Loop._open, "open"),
    (Loop._step, "step"),
    (Loop._remember, "step"),
    (Loop._publish, "publish"),
    (Loop.save, "save"),
    (arrivals.decode, "decode"),
    (account.tell, "account"),
    (Journeys._replies, "redis"),
    (Signer.headers, "sign"),
    (Model.score, "score"),
]


@pytest.mark.parametrize(("function", "stage"), FUNCTIONS, ids=lambda given: getattr(given, "__qualname__", given))
def test_a_function_decides_its_stage(function: object, stage: str) -> None:
    assert stage_of(function.__code__) == stage  # type: ignore[attr-defined]


def test_every_stage_that_a_function_decides_is_among_these() -> None:
    assert len(_BY_FUNCTION) == len(FUNCTIONS)
    assert {stage for _, stage in FUNCTIONS} | {d.name for d in DETECTORS} <= BUDGET_US.keys()


def test_each_detector_is_a_stage_of_its_own() -> None:
    assert [stage_of(type(detector).step.__code__) for detector in DETECTORS] == [d.name for d in DETECTORS]


def test_looks_fall_to_the_innermost_stage_that_is_at_work() -> None:
    def inner(until_s: float) -> None:
        while time.process_time() < until_s:
            sum(range(100))

    def outer() -> None:
        inner(time.process_time() + 0.1)

    sampler = Sampler({inner.__code__: "inner", outer.__code__: "outer"}.get)
    sampler.start()
    try:
        outer()
    finally:
        sampler.stop()
    n_looks = sampler.looks.total()
    assert n_looks >= 5
    assert sampler.looks["inner"] >= 0.8 * n_looks
