from math import inf

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from menshen.fraud.maths.robust import clamp, clipped_step, mean_deviation, midmean
from menshen.fraud.maths.template import Cell, Pace, cell_of, distances, first_cell, moved, pack, unpack, with_cells

PACE = Pace()
ANY_CELLS = st.dictionaries(
    st.integers(0, 255),
    st.tuples(*[st.integers(0, 255)] * 2, *[st.integers(-32_767, 32_767), st.integers(1, 65_535)] * 2),
    max_size=13,
).map(lambda cells: {kind: Cell(kind, *numbers) for kind, numbers in cells.items()})


def moved_by(cell: Cell, values: list[int], pace: Pace = PACE) -> Cell:
    return moved(cell, values, midmean(values), pace)


def after(visits: list[list[int]], pace: Pace = PACE) -> Cell:
    cell = first_cell(3, midmean(visits[0]), 200)
    for values in visits:
        cell = moved_by(cell, values, pace)
    return cell


def parts(cell: Cell, values: list[int]) -> tuple[float, ...]:
    return distances(cell, values, midmean(values), least_spread=30, softening=100)


def habit(n_visits: int, centre: float = 1000, seed: int = 0) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [rng.laplace(centre, 150, 12).astype(int).tolist() for _ in range(n_visits)]


def test_a_cell_finds_the_centre_and_the_mean_deviation() -> None:
    cell = after(habit(40))
    assert abs(cell.centre - 1000) < 40
    assert abs(cell.spread - 150) < 30


def test_one_wild_visit_after_the_first_three_moves_a_cell_by_a_fifth_of_its_spread_at_most() -> None:
    before = after(habit(10))
    assert abs(moved_by(before, [30_000] * 12).centre - before.centre) <= 0.2 * before.spread + 1


def test_no_number_of_visits_leads_a_cell_further_than_its_anchor_allows() -> None:
    cell = anchored = after(habit(PACE.anchored_visits))
    for values in habit(500, centre=3000, seed=1):
        cell = moved_by(cell, values)
    assert cell.centre == anchored.centre + anchored.spread
    assert anchored.spread / 1.6 < cell.spread < anchored.spread * 1.6
    assert (cell.anchor, cell.anchor_spread) == (anchored.centre, anchored.spread)


def test_a_hand_that_never_scatters_has_a_spread_of_one_all_the_same() -> None:
    assert after([[1000] * 500] * 3).spread == after([[1000] * 500] * 60).spread == 1


def test_counts_and_numbers_fit_their_bytes_whatever_comes() -> None:
    cell = after([[-32_767] * 2, [32_767] * 200, [0] * 5, *[[32_767, -32_767] * 20] * 300])
    assert unpack(pack({cell.kind: cell})) == {cell.kind: cell}


def test_cells_come_back_from_eleven_bytes_each() -> None:
    cells = {kind: after(habit(5, seed=kind))._replace(kind=kind) for kind in (4, 0, 12)}
    assert len(pack(cells)) == 33
    assert unpack(pack(cells)) == cells
    assert pack(dict(reversed(cells.items()))) == pack(cells)


@given(ANY_CELLS, ANY_CELLS)
def test_cells_are_read_and_put_in_one_by_one_as_all_at_once(before: dict[int, Cell], after: dict[int, Cell]) -> None:
    packed = pack(before)
    assert with_cells(packed, list(after.values())) == pack(before | after)
    assert {kind: cell_of(packed, kind) for kind in range(256)} == {kind: before.get(kind) for kind in range(256)}


def test_a_distance_counts_spreads_and_scatter_counts_from_four_values_on() -> None:
    cell = Cell(0, 5, 60, 1000, 100, 1000, 100)
    assert parts(cell, [1200, 1200, 1200]) == (2.0,)
    away, wider = parts(cell, [900, 1000, 1000, 1100])
    assert away == 0
    assert 0 < wider < 1


@given(
    st.builds(Cell, st.just(7), *[st.integers(0, 255)] * 2, *[st.integers(-9_000, 9_000), st.integers(1, 3_000)] * 2),
    st.lists(st.integers(-15_000, 15_000), min_size=1, max_size=12),
)
def test_a_visit_moves_a_cell_step_by_step_as_its_pace_says(cell: Cell, values: list[int]) -> None:
    fastest, limit = (1.0, inf) if cell.n_visits < PACE.first_visits else (PACE.fastest, 2.0 * cell.spread)
    n_before, n = min(cell.n_values, PACE.memory), len(values)
    centre = clipped_step(cell.centre, midmean(values), min(fastest, n / (n_before + n)), limit)
    rate = min(fastest, n / (PACE.usual_weight + n_before + n))
    spread = clipped_step(cell.spread, mean_deviation(values, centre), rate, limit)
    after = moved_by(cell, values)
    assert (after.kind, after.n_visits) == (7, min(255, cell.n_visits + 1))
    assert after.n_values == min(255, cell.n_values + n)
    if cell.n_visits < PACE.anchored_visits:
        assert after[3:] == (round(centre), max(1, round(spread))) * 2
        return
    near = clamp(centre, cell.anchor - cell.anchor_spread, cell.anchor + cell.anchor_spread)
    alike = clamp(spread, cell.anchor_spread / 1.5, cell.anchor_spread * 1.5)
    assert after[3:] == (round(near), max(1, round(alike)), cell.anchor, cell.anchor_spread)
