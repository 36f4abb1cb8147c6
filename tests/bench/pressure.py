"""Whether anybody is held up by others: a flood of telemetry, or one device on which ever other people log in."""

from typing import Any

from tests.bench import latency
from tests.bench.house import House
from tests.bench.latency import Load

USUAL = Load(1_000)
FLOOD = Load(USUAL.rate, "telemetry", 9 * USUAL.rate)
HOT = Load(USUAL.rate, "hot", 100_000 / 60)
SHED_AFTER_MS = 30
"""With what the workers are told to shed: telemetry as old as that is passed over."""


def measured(house: House, seconds: float, n_workers: int) -> dict[str, Any]:
    """Return the waits of the mix alone, under ten times its rate of telemetry, and beside a hot device."""
    loads = {"usual": USUAL, "flood": FLOOD, "hot": HOT}
    found = latency.menshen(house, "pressure", list(loads.values()), seconds, n_workers, shed_after_ms=SHED_AFTER_MS)
    return dict(zip(loads, found, strict=True))
