"""What several processors are worth is what they do together, beside what one does alone."""

from tests.bench.cores import N_TRIES, worth


def test_the_best_tries_count_and_they_take_turns() -> None:
    asked = list[int]()
    done = {1: iter([80, 100, 90]), 4: iter([110, 150, 120])}

    def loops(n_processes: int) -> int:
        asked.append(n_processes)
        return next(done[n_processes])

    assert worth(4, loops) == 1.5
    assert asked == [1, 4] * N_TRIES


def test_this_machine_can_be_asked() -> None:
    assert worth(1) > 0.0
