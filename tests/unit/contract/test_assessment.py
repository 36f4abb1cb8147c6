"""Which events were shed is told in runs of offsets, and read back as it was."""

from hypothesis import given
from hypothesis import strategies as st

from menshen.contract.assessment import Shed


def test_runs_are_as_long_as_they_can_be() -> None:
    assert Shed.of([3, 4, 5, 7, 9, 10]) == Shed(n_shed=6, runs=((3, 5), (7, 7), (9, 10)))


@given(st.sets(st.integers(0, 2**63 - 1) | st.integers(0, 40)))
def test_what_is_told_is_read_back(offsets: set[int]) -> None:
    told = Shed.of(sorted(offsets))
    assert list(told.offsets()) == sorted(offsets)
    assert told.n_shed == len(offsets)
    assert all(last + 1 < first for (_, last), (first, _) in zip(told.runs, told.runs[1:], strict=False))
