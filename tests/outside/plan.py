"""The whole stream of a run, from its seed alone: broken records stand among good ones of the same subjects."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import islice
from random import Random

from tests.outside.customers import Customer, Event
from tests.outside.defects import DEFECTS, same_id_other_content
from tests.outside.records import Draft, again, varied

EVENTS_A_SUBJECT = 10
RECORDS_A_DEFECT = 900
"""A run of 20,000 records has each defect 22 times."""
LATEST = 500
"""A repeated id comes at most so many good events after its first: well within what is remembered of a subject."""

REPEATS: dict[str, Callable[[Draft], Draft]] = {"same_again": again, "id_reuse": same_id_other_content}


def n_of_each(n_records: int) -> int:
    """Return how often each defect stands in a run."""
    return max(1, n_records // RECORDS_A_DEFECT)


def drafts(n_records: int, seed: int, started_ms: int) -> Iterator[Draft]:
    """Yield `n_records` records in order; the same arguments give the same bytes.

    A defect stands right before the sound event that it was made from, so that this one must be judged, whatever became
    of the broken one; a repetition stands up to `LATEST` good events behind its first.
    """
    chance = Random(seed)
    kinds = [kind for kind in (*DEFECTS, *REPEATS) for _ in range(n_of_each(n_records))]
    n_good = n_records - len(kinds)
    if n_good < 2 * len(kinds):
        raise ValueError(f"{len(kinds)} broken records need good ones around them: ask for {3 * len(kinds)} or more")
    events = list(islice(_events(n_records, seed, started_ms, chance), n_good))
    # A keystroke refuses what other families pass over: made from one, many a defect would be two.
    fit = [place for place, event in enumerate(events) if event["type"] != "keystroke"]
    special = dict(zip(chance.sample(fit, len(kinds)), kinds, strict=True))
    due = defaultdict[int, list[Draft]](list)
    for place, event in enumerate(events):
        first, kind = varied(event, chance), special.get(place)
        if kind in DEFECTS:
            yield DEFECTS[kind](event, chance)
        if kind in REPEATS:
            due[min(place + chance.randrange(LATEST), n_good - 1)].append(REPEATS[kind](first))
        yield first
        yield from due.pop(place, ())


def _events(n_records: int, seed: int, started_ms: int, chance: Random) -> Iterator[Event]:
    n_subjects = max(6, n_records // EVENTS_A_SUBJECT)
    run = f"{seed:x}"
    visits = [Customer(number, run, chance).visits(started_ms) for number in range(n_subjects)]
    while True:
        yield next(chance.choice(visits))
