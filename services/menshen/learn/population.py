"""The generated population: honest customers and frauds, all their events in the order of the log.

Nothing in here is measured on real customers. Figures won on it say that the parts work together, not how well they
would do in the field.
"""

import numpy as np

from menshen.learn.frauds import FACTORIES, TAKE_OVERS
from menshen.learn.lives import life
from menshen.learn.people import Person, family, person
from menshen.learn.visits import Told

TAKEN_OVER = 0.09
"""Share of honest customers whose account is stolen at some time."""
FAMILIES = 0.2
"""Share of honest customers who share a household's tablet and address with others."""
MADE_UP = 0.08
"""Accounts opened for a fraud, for each honest customer."""
MEAN_BATCH = 10
"""Accounts that a fraud opens together."""


def population(rng: np.random.Generator, n_subjects: int) -> list[Told]:
    """Return all events of about so many honest customers, and of the frauds among and beside them."""
    honest = _honest(rng, n_subjects)
    told = [line for one in honest for line in life(rng, one)]
    victims = rng.permutation(len(honest))[: max(len(TAKE_OVERS), int(TAKEN_OVER * len(honest)))]
    for i, victim in enumerate(victims):
        told += TAKE_OVERS[i % len(TAKE_OVERS)](rng, honest[victim], f"t{i}")
    for i in range(max(len(FACTORIES), int(MADE_UP * n_subjects / MEAN_BATCH))):
        n_accounts = int(rng.integers(MEAN_BATCH // 2, MEAN_BATCH * 3 // 2))
        told += FACTORIES[i % len(FACTORIES)](rng, f"f{i}", n_accounts)
    return sorted(told, key=lambda line: (line.appended_ms, line.event.event_id))


def _honest(rng: np.random.Generator, n_subjects: int) -> list[Person]:
    people, n_alone = list[Person](), int((1 - FAMILIES) * n_subjects)
    people += [person(rng, f"s{i}") for i in range(n_alone)]
    while len(people) < n_subjects:
        people += family(rng, f"h{len(people)}", int(rng.integers(2, 5)))
    return people
