"""A person's template: per kind of measurement a robust centre and spread that learn slowly and stay near their anchor.

Measurements are integers in a unit of the caller's choice, below 32768 either way.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, log
from struct import Struct as Layout
from typing import NamedTuple

from menshen.fraud.maths.robust import clamp, clipped_step, mean_deviation, midmean

_CELL = Layout("<BBBhHhH")
_MANY = 255


class Cell(NamedTuple):
    """What is known of one kind: how it lies and scatters, and how it did when its anchor was fixed. 11 bytes packed.

    `spread` is a mean absolute deviation. The counts stop at 255.
    """

    kind: int
    n_visits: int
    n_values: int
    centre: int
    spread: int
    anchor: int
    anchor_spread: int


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a cell follows, and how far.

    Parameters
    ----------
    usual_weight : int
        How many values the spread of people at large, with which a cell begins, counts for.
    memory : int
        How many values the running estimate rests on at most; larger follows more slowly.
    first_visits : int
        How many visits may move a cell freely; later ones at most by `fastest` of the way.
    fastest : float
        Largest share of the way to what was seen that one visit moves a cell.
    anchored_visits : int
        After how many visits the anchor is fixed.
    drift : float
        How many of the anchor's spreads the centre may ever lie from the anchor.
    widening : float
        Factor by which the spread may ever grow or shrink from the anchor's.
    """

    usual_weight: int = 6
    memory: int = 60
    first_visits: int = 3
    fastest: float = 0.1
    anchored_visits: int = 20
    drift: float = 1.0
    widening: float = 1.5


def first_cell(kind: int, values: list[int], usual_spread: int) -> Cell:
    """Return a cell that rests on nothing yet: it begins where the values lie, and scatters as people do."""
    centre = round(midmean(values))
    return Cell(kind, 0, 0, centre, usual_spread, centre, usual_spread)


def moved(cell: Cell, values: list[int], pace: Pace) -> Cell:
    """Return the cell after one more visit.

    A visit pulls by its midmean and its deviation. After the first visits none pulls further than two spreads, and once
    the anchor is fixed no number of visits leads the cell further than `drift` and `widening` allow.

    References
    ----------
    Lovisotto, G., Eberz, S., Martinovic, I. (2020), Biometric backdoors: a poisoning attack against unsupervised
    template updating, EuroS&P 2020: the attack that this bounds.
    """
    free = cell.n_visits < pace.first_visits
    fastest, limit = (1.0, inf) if free else (pace.fastest, 2.0 * cell.spread)
    n_before, n = min(cell.n_values, pace.memory), len(values)
    centre = clipped_step(cell.centre, midmean(values), min(fastest, n / (n_before + n)), limit)
    deviation = mean_deviation(values, centre)
    spread = clipped_step(cell.spread, deviation, min(fastest, n / (pace.usual_weight + n_before + n)), limit)
    n_visits, n_values = min(_MANY, cell.n_visits + 1), min(_MANY, cell.n_values + n)
    if cell.n_visits < pace.anchored_visits:
        anchor, anchor_spread = round(centre), max(1, round(spread))
        return Cell(cell.kind, n_visits, n_values, anchor, anchor_spread, anchor, anchor_spread)
    anchor, anchor_spread = cell.anchor, cell.anchor_spread
    reach = pace.drift * anchor_spread
    centre = round(clamp(centre, anchor - reach, anchor + reach))
    spread = max(1, round(clamp(spread, anchor_spread / pace.widening, anchor_spread * pace.widening)))
    return Cell(cell.kind, n_visits, n_values, centre, spread, anchor, anchor_spread)


def distances(cell: Cell, values: list[int], *, least_spread: int, softening: int) -> tuple[float, ...]:
    """Return how far a visit's centre lies, in spreads, and from 4 values on how much wider or closer it scatters.

    Spreads count as `least_spread` at least and are compared with `softening` added: a clock that is rounded to few
    steps does not make a hand steady. The second is the absolute logarithm of the two spreads' ratio.
    """
    centre, spread = midmean(values), max(least_spread, cell.spread)
    away = abs(centre - cell.centre) / spread
    if len(values) < 4:
        return (away,)
    return away, abs(log((mean_deviation(values, centre) + softening) / (spread + softening)))


def unpack(packed: bytes) -> dict[int, Cell]:
    """Read the cells back, by kind."""
    return {cell.kind: cell for cell in map(Cell._make, _CELL.iter_unpack(packed))}


def pack(cells: Mapping[int, Cell]) -> bytes:
    """Return the cells' bytes, 11 each; equal cells give equal bytes."""
    return b"".join(_CELL.pack(*cells[kind]) for kind in sorted(cells))
