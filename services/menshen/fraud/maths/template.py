"""A person's template: per kind of measurement a robust centre and spread that learn slowly and stay near their anchor.

Measurements are integers in a unit of the caller's choice, below 32768 either way.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from math import inf, log
from struct import Struct as Layout
from typing import NamedTuple

from menshen.fraud.maths.robust import clamp, clipped_step, mean_deviation

_CELL = Layout("<BBBhHhH")
CELL_BYTES = _CELL.size
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


_cell = partial(tuple.__new__, Cell)
"""A cell from its seven numbers, in half the time of `Cell._make`, which counts them."""


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


def first_cell(kind: int, middle: float, usual_spread: int) -> Cell:
    """Return a cell that rests on nothing yet: it begins at a visit's midmean, and scatters as people do."""
    centre = round(middle)
    return Cell(kind, 0, 0, centre, usual_spread, centre, usual_spread)


def moved(cell: Cell, values: list[int], middle: float, pace: Pace) -> Cell:
    """Return the cell after one more visit, whose midmean is `middle`.

    A visit pulls by its midmean and its deviation. After the first visits none pulls further than two spreads, and once
    the anchor is fixed no number of visits leads the cell further than `drift` and `widening` allow.

    References
    ----------
    Lovisotto, G., Eberz, S., Martinovic, I. (2020), Biometric backdoors: a poisoning attack against unsupervised
    template updating, EuroS&P 2020: the attack that this bounds.
    """
    kind, n_visits, n_values, centre, spread, anchor, anchor_spread = cell
    n, n_before = len(values), n_values if n_values < pace.memory else pace.memory
    fastest, limit = (1.0, inf) if n_visits < pace.first_visits else (pace.fastest, 2.0 * spread)
    share, spread_share = n / (n_before + n), n / (pace.usual_weight + n_before + n)
    at = clipped_step(centre, middle, share if share < fastest else fastest, limit)
    wide = clipped_step(spread, mean_deviation(values, at), spread_share if spread_share < fastest else fastest, limit)
    if n_visits >= pace.anchored_visits:
        reach = pace.drift * anchor_spread
        at = clamp(at, anchor - reach, anchor + reach)
        wide = clamp(wide, anchor_spread / pace.widening, anchor_spread * pace.widening)
    centre, spread = round(at), round(wide) if wide > 1 else 1
    if n_visits < pace.anchored_visits:
        anchor, anchor_spread = centre, spread
    n_visits, n_values = n_visits + 1, n_values + n
    n_visits, n_values = n_visits if n_visits < _MANY else _MANY, n_values if n_values < _MANY else _MANY
    return _cell((kind, n_visits, n_values, centre, spread, anchor, anchor_spread))


def distances(
    cell: Cell, values: list[int], middle: float, *, least_spread: int, softening: int
) -> tuple[float] | tuple[float, float]:
    """Return how far a visit's midmean `middle` lies, in spreads, and from 4 values on how much its scatter differs.

    Spreads count as `least_spread` at least and are compared with `softening` added: a clock that is rounded to few
    steps does not make a hand steady. The second is the absolute logarithm of the two spreads' ratio.
    """
    spread = cell.spread if cell.spread > least_spread else least_spread
    away = abs(middle - cell.centre) / spread
    if len(values) < 4:
        return (away,)
    return away, abs(log((mean_deviation(values, middle) + softening) / (spread + softening)))


def cell_of(packed: bytes, kind: int) -> Cell | None:
    """Read the cell of one kind back; None where there is none."""
    at = packed[::CELL_BYTES].find(kind)
    return None if at < 0 else _cell(_CELL.unpack_from(packed, CELL_BYTES * at))


def with_cells(packed: bytes, cells: list[Cell]) -> bytes:
    """Return the bytes with these cells in the places of those of their kinds; new kinds come in between."""
    known, patched = packed[::CELL_BYTES], bytearray(packed)
    for cell in cells:
        at = known.find(cell.kind)
        if at < 0:
            return pack(unpack(packed) | {cell.kind: cell for cell in cells})
        _CELL.pack_into(patched, CELL_BYTES * at, *cell)
    return bytes(patched)


def unpack(packed: bytes) -> dict[int, Cell]:
    """Read the cells back, by kind."""
    return {cell.kind: cell for cell in map(Cell._make, _CELL.iter_unpack(packed))}


def pack(cells: Mapping[int, Cell]) -> bytes:
    """Return the cells' bytes, 11 each; equal cells give equal bytes."""
    return b"".join(_CELL.pack(*cells[kind]) for kind in sorted(cells))
