"""What an event costs with few subjects and with many, by one worker and by several."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.bench import rows
from tests.bench.house import House

from menshen.bench.crowd import Crowd
from menshen.bench.seeding import fill

WORKERS = (1, 3)


def grown(
    folder: Path, crowds: Sequence[Crowd], n_events: int, seed: int, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Have workers take a log of each crowd; return a row for each crowd and number of workers."""
    found = []
    for crowd, n_workers in itertools.product(crowds, WORKERS):
        # A log of its own for each: what one has published is the next one's journal.
        with House(folder / f"growth-{crowd.n_subjects}-{n_workers}", crowd, say) as house:
            fill(house.kafka.bootstrap_servers, crowd, n_events, seed=seed)
            row = rows.menshen(house, "menshen", n_events, n_workers=n_workers)
        found.append({"subjects": crowd.n_subjects, "workers": n_workers} | row)
        say(f"{crowd.n_subjects:,} subjects, {n_workers} workers: {row['events_per_s']:,.0f} events/s")
    return found
