"""The figures to which `--check` holds a run."""

from collections.abc import Iterator, Mapping
from typing import Any

STOCK_FAUST_TIMES, FLOOR_SHARE = 10.0, 0.5
CPU_US = 30.0
AT_RATE, P99_MS, P99_9_MS = 10_000, 25.0, 50.0


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
    for at in found.get("waits", ()):
        if at["rate"] == AT_RATE and (at["p99_ms"] > P99_MS or at["p99_9_ms"] > P99_9_MS):
            yield (
                f"{AT_RATE:,} events/s: p99 {at['p99_ms']:.0f} ms, p99.9 {at['p99_9_ms']:.0f} ms; "
                f"at most {P99_MS:g} and {P99_9_MS:g}"
            )
