"""How many events are judged together changes not a byte; `make replay` shows it on a million of them."""

import pytest
from tests.replay.house import House, Told
from tests.servers.kafka import Kafka

N_EVENTS = 1_500
SIZES = (512, 256, 7, 1)


@pytest.fixture(scope="module")
def told(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Told]:
    """One log of one partition, told in batches of each size by a worker that knows nothing of what the others told."""
    if not kafka.real:
        pytest.skip("needs Apache's jars")
    with House(tmp_path_factory.mktemp("log") / "house", 1, print) as house:
        house.fill(N_EVENTS, seed=1)
        return {size: house.retell(1, "--without-journal", batch_max=size) for size in SIZES}


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES[1:])
def test_batches_of_any_size_give_the_same_bytes(told: dict[int, Told], size: int) -> None:
    assert len(told[SIZES[0]].book) > 0.8 * N_EVENTS
    assert told[SIZES[0]].book.n_differences(told[size].book) == told[size].book.n_conflicts == 0
    assert told[size].state == told[SIZES[0]].state
