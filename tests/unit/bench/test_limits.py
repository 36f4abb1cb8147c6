"""A run of `make bench` is held to its limits, each by itself."""

from typing import Any

import pytest
from tests.bench.limits import fell_short


def waits(p99_ms: float, checkpoint_p99_ms: float) -> dict[str, Any]:
    return {"p99_ms": p99_ms, "checkpoint": {"p99_ms": checkpoint_p99_ms}}


def grown(subjects: int, cpu_us: float, workers: int = 1) -> dict[str, Any]:
    return {"subjects": subjects, "workers": workers, "worker_cpu_us": cpu_us}


KEPT: dict[str, Any] = {
    "rows": {
        "floor_with_state": {"events_per_s": 20_000},
        "menshen": {"events_per_s": 10_000, "worker_cpu_us": 30.0},
        "stock_faust": {"events_per_s": 1_000},
    },
    "waits": [{"rate": 10_000, "p99_ms": 25, "p99_9_ms": 50}, {"rate": 20_000, "p99_ms": 900, "p99_9_ms": 900}],
    "pressure": {"usual": waits(10, 12), "flood": waits(99, 24), "hot": waits(20, 99)},
    "growth": [grown(1_000, 20.0), grown(1_000_000, 26.0), grown(1_000_000, 90.0, workers=3)],
    "state_bytes": {"median": 4096},
}


def test_a_run_that_keeps_every_limit_falls_short_of_none() -> None:
    assert list(fell_short(KEPT)) == []


def test_what_was_not_measured_is_not_judged() -> None:
    assert list(fell_short({})) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rows": KEPT["rows"] | {"stock_faust": {"events_per_s": 1_100}}}, "x stock Faust"),
        ({"rows": KEPT["rows"] | {"floor_with_state": {"events_per_s": 21_000}}}, "of the floor"),
        ({"rows": {"menshen": {"events_per_s": 10_000, "worker_cpu_us": 31.0}}}, "us CPU"),
        ({"waits": [{"rate": 10_000, "p99_ms": 26, "p99_9_ms": 50}]}, "10,000 events/s"),
        ({"waits": [{"rate": 10_000, "p99_ms": 25, "p99_9_ms": 51}]}, "10,000 events/s"),
        ({"pressure": KEPT["pressure"] | {"flood": waits(0, 25)}}, "checkpoints in a flood"),
        ({"pressure": KEPT["pressure"] | {"hot": waits(21, 0)}}, "hot device"),
        ({"growth": [grown(1_000_000, 26.1), grown(1_000, 20.0)]}, "1,000,000 subjects"),
        ({"state_bytes": {"median": 4097}}, "4097 bytes"),
    ],
)
def test_each_limit_that_is_not_kept_is_named(changed: dict[str, Any], said: str) -> None:
    (line,) = fell_short(KEPT | changed)
    assert said in line
