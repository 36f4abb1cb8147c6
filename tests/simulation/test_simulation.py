"""The real workers in simulated weather: no promise breaks, and every part of the protocol is missed."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.simulation.__main__ import family_of
from tests.simulation.mutations import MUTATIONS, mutated
from tests.simulation.run import run
from tests.simulation.sweep import Setting, outcome, sweep
from tests.simulation.weather import FAMILIES

N_SEEDS = 2000
MOST_SEEDS = 400
"""So many seeds at the most show that a part is missing."""
ROOT = Path(__file__).parents[2]
MOST_CONFLICTS = N_SEEDS // 40
"""Of a third of the seeds: the others have no zombies, or no loss."""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_seed_breaks_a_promise() -> None:
    faults, n_conflicts = Counter[str](), 0
    for ended in sweep([(seed, Setting(family_of(seed))) for seed in range(N_SEEDS)], jobs=2):
        again = f"python -m tests.simulation --seed {ended.seed} --faults {ended.family} --trace"
        assert ended.violations == [], again
        faults += ended.counts
        n_conflicts += bool(ended.n_conflicts)
    print(dict(faults), n_conflicts, "seeds with a conflict")
    assert n_conflicts <= MOST_CONFLICTS
    floors = {fault: N_SEEDS // 8 for family in FAMILIES.values() for fault in family}
    assert {fault: faults[fault] for fault, floor in floors.items() if faults[fault] < floor} == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(MUTATIONS))
def test_a_part_that_is_taken_out_is_missed(name: str) -> None:
    setting, first = Setting(MUTATIONS[name].shown_by, name), MUTATIONS[name].red_at
    assert any(outcome((seed, setting)).violations for seed in range(first, first + MOST_SEEDS))


@pytest.mark.parametrize("name", list(MUTATIONS))
def test_what_shows_a_mutation_is_no_fault_of_the_protocol(name: str) -> None:
    assert run(MUTATIONS[name].red_at, MUTATIONS[name].shown_by).violations == []


def test_what_was_taken_out_is_put_back() -> None:
    with mutated("batch_in_step"):
        assert run(0, "zombies").violations
    assert run(0, "zombies").violations == []


@pytest.mark.slow
def test_the_same_seed_runs_the_same_way_in_any_process() -> None:
    told = [_told(seed, hash_seed) for seed in (4, 5) for hash_seed in ("1", "2")]
    assert told[0] == told[1] != told[2] == told[3]
    assert told[0].endswith(f"{run(4, 'all').digest}\nok\n")


def test_another_family_is_another_weather() -> None:
    assert len({run(3, family).digest for family in FAMILIES}) == len(FAMILIES)


@pytest.mark.slow
def test_a_seed_that_fails_says_how_to_run_it_again_and_does() -> None:
    failed = _simulated("--seeds", "1", "--faults", "zombies", "--mutation", "random_ids", "--jobs", "1")
    assert failed.returncode == 1
    assert "seed 0: I2" in failed.stderr
    (again,) = re.findall(r"again: python -m tests\.simulation (.*)", failed.stderr)
    assert _simulated(*again.split()).returncode == 1


def _told(seed: int, hash_seed: str) -> str:
    return _simulated("--seed", str(seed), "--faults", "all", "--trace", hash_seed=hash_seed).stdout


def _simulated(*arguments: str, hash_seed: str = "0") -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": f"{ROOT / 'services'}:{ROOT}"}
    command = [sys.executable, "-m", "tests.simulation", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
