import numpy as np

from menshen.fraud.maths.template import Cell, Pace, distances, first_cell, moved, pack, unpack

PACE = Pace()


def after(visits: list[list[int]], pace: Pace = PACE) -> Cell:
    cell = first_cell(3, visits[0], 200)
    for values in visits:
        cell = moved(cell, values, pace)
    return cell


def habit(n_visits: int, centre: float = 1000, seed: int = 0) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [rng.laplace(centre, 150, 12).astype(int).tolist() for _ in range(n_visits)]


def test_a_cell_finds_the_centre_and_the_mean_deviation() -> None:
    cell = after(habit(40))
    assert abs(cell.centre - 1000) < 40
    assert abs(cell.spread - 150) < 30


def test_one_wild_visit_after_the_first_three_moves_a_cell_by_a_fifth_of_its_spread_at_most() -> None:
    before = after(habit(10))
    assert abs(moved(before, [30_000] * 12, PACE).centre - before.centre) <= 0.2 * before.spread + 1


def test_no_number_of_visits_leads_a_cell_further_than_its_anchor_allows() -> None:
    cell = anchored = after(habit(PACE.anchored_visits))
    for values in habit(500, centre=3000, seed=1):
        cell = moved(cell, values, PACE)
    assert cell.centre == anchored.centre + anchored.spread
    assert anchored.spread / 1.6 < cell.spread < anchored.spread * 1.6
    assert (cell.anchor, cell.anchor_spread) == (anchored.centre, anchored.spread)


def test_counts_and_numbers_fit_their_bytes_whatever_comes() -> None:
    cell = after([[-32_767] * 2, [32_767] * 200, [0] * 5, *[[32_767, -32_767] * 20] * 300])
    assert unpack(pack({cell.kind: cell})) == {cell.kind: cell}


def test_cells_come_back_from_eleven_bytes_each() -> None:
    cells = {kind: after(habit(5, seed=kind))._replace(kind=kind) for kind in (4, 0, 12)}
    assert len(pack(cells)) == 33
    assert unpack(pack(cells)) == cells
    assert pack(dict(reversed(cells.items()))) == pack(cells)


def test_a_distance_counts_spreads_and_scatter_counts_from_four_values_on() -> None:
    cell = Cell(0, 5, 60, 1000, 100, 1000, 100)
    assert distances(cell, [1200, 1200, 1200], least_spread=30, softening=100) == (2.0,)
    away, wider = distances(cell, [900, 1000, 1000, 1100], least_spread=30, softening=100)
    assert away == 0
    assert 0 < wider < 1
