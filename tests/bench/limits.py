"""The figures to which `--check` holds a run."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

STOCK_FAUST_TIMES, FLOOR_SHARE = 10.0, 0.5
CPU_US = 30.0
AT_RATE, P99_MS, P99_9_MS = 10_000, 25.0, 50.0
UNDER_PRESSURE_TIMES = 2.0
GROWTH_TIMES = 1.3
STATE_BYTES = 4096


def fell_short(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each limit that the run did not keep; what was not measured is not judged."""
    rows = found.get("rows", {})
    ours = rows.get("menshen")
    if ours and "stock_faust" in rows:
        times = ours["events_per_s"] / rows["stock_faust"]["events_per_s"]
        if times < STOCK_FAUST_TIMES:
            yield f"{times:.1f} x stock Faust, at least {STOCK_FAUST_TIMES:g} x"
    if ours and "floor_with_state" in rows:
        share = ours["events_per_s"] / rows["floor_with_state"]["events_per_s"]
        if share < FLOOR_SHARE:
            yield f"{share:.0%} of the floor with state, at least {FLOOR_SHARE:.0%}"
    if ours and ours["worker_cpu_us"] > CPU_US:
        yield f"{ours['worker_cpu_us']:.1f} us CPU an event, at most {CPU_US:g}"
    yield from _under_pressure(found.get("pressure", {}))
    yield from _grown(found.get("growth", ()))
    if found.get("state_bytes", {}).get("median", 0) > STATE_BYTES:
        yield f"a state of {found['state_bytes']['median']} bytes at the median, at most {STATE_BYTES}"
    for at in found.get("waits", ()):
        if at["rate"] == AT_RATE and (at["p99_ms"] > P99_MS or at["p99_9_ms"] > P99_9_MS):
            yield (
                f"{AT_RATE:,} events/s: p99 {at['p99_ms']:.0f} ms, p99.9 {at['p99_9_ms']:.0f} ms; "
                f"at most {P99_MS:g} and {P99_9_MS:g}"
            )


def _under_pressure(found: Mapping[str, Any]) -> Iterator[str]:
    if not found:
        return
    usual, flood, hot = found["usual"], found["flood"], found["hot"]
    for what, under, alone in (
        ("checkpoints in a flood", flood["checkpoint"]["p99_ms"], usual["checkpoint"]["p99_ms"]),
        ("others beside a hot device", hot["p99_ms"], usual["p99_ms"]),
    ):
        if under > UNDER_PRESSURE_TIMES * alone:
            yield f"{what}: p99 {under:.0f} ms, usually {alone:.0f} ms; at most {UNDER_PRESSURE_TIMES:g} x"


def _grown(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    alone = sorted((row["subjects"], row["worker_cpu_us"]) for row in found if row["workers"] == 1)
    if alone and alone[-1][1] > GROWTH_TIMES * alone[0][1]:
        (few, least_us), (many, most_us) = alone[0], alone[-1]
        yield (
            f"{most_us:.1f} us CPU an event with {many:,} subjects, {least_us:.1f} with {few:,}; "
            f"at most {GROWTH_TIMES:g} x"
        )
