"""The gate under faults: broken by the hundred in simulation, killed for real, besieged by forgeries."""

import logging
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from tests.cutting import Cut
from tests.gate.faults.crashing import STATUS
from tests.gate.faults.kills import POINTS, MortalLender, killed
from tests.gate.faults.mutations import MUTATIONS
from tests.gate.faults.oracle import INVARIANTS, OF_REAL_PROCESSES, violations
from tests.gate.faults.simulation import simulate
from tests.gate.faults.stage.weather import CLIMATES
from tests.gate.forgeries import attack
from tests.gate.taking_out import cut_out, take_out
from tests.servers.kafka import Kafka
from tests.servers.standins import Standins

from menshen.contract.opening import CHECKS, Misfit
from menshen.contract.signature import TrustedKeys

pytestmark = pytest.mark.slow
FIRST = int(os.environ.get("MENSHEN_TEST_SEED", "0"))
SEEDS = {"calm": 3, "hold-ups": 4, "doubts": 4, "storm": 16}
ENOUGH = 40
"""So many seeds at most until a part that was taken out is missed."""
N_FORGERIES = 3_000
KILLS_EACH = 1
"""More of either: `python -m tests.gate.forgeries` and `python -m tests.gate.faults.kills`."""


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Write no logs: a simulation has a thousand outages a minute."""
    logging.disable(logging.CRITICAL)
    with structlog.testing.capture_logs():
        yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("climate", SEEDS)
def test_money_and_records_are_right_whatever_breaks(climate: str) -> None:
    struck, n_paid, red = Counter[str](), 0, dict[int, object]()
    for seed in range(FIRST, FIRST + SEEDS[climate]):
        outcome = simulate(seed, CLIMATES[climate])
        struck, n_paid = struck + outcome.struck, n_paid + outcome.n_paid
        if outcome.violations:
            red[seed] = outcome.violations
    print(climate, {"paid": n_paid, **dict(sorted(struck.items()))})
    assert red == {}, f"python -m tests.gate.faults --climate {climate} --seeds 1 --first {next(iter(red))}"
    assert n_paid >= 2 * SEEDS[climate]
    if climate == "storm":
        blows = Counter(blow.partition(" ")[0] for blow in struck.elements())
        assert min(blows["dies"], blows["hears"], blows["is"]) > 20, blows


@pytest.mark.parametrize("part", MUTATIONS)
def test_a_part_that_is_taken_out_is_missed(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutation = MUTATIONS[part]
    mutation.do(monkeypatch)
    found = (simulate(seed, mutation.climate).violations for seed in range(ENOUGH))
    assert any(mutation.noticed_by in violated for violated in found), f"{ENOUGH} seeds do without {part}"


def test_each_invariant_has_a_name_by_which_a_mutation_may_call_it() -> None:
    assert {mutation.noticed_by for mutation in MUTATIONS.values()} < set(INVARIANTS)


def test_the_same_seed_goes_the_same_way_in_another_process() -> None:
    code = "from tests.gate.faults.simulation import trace; print(trace(7, 'storm'))"
    traces = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()[-1]
        for hash_seed in ("1", "2")
    ]
    assert traces[0] == traces[1] != simulate(8, CLIMATES["storm"]).trace


async def test_no_forgery_is_accepted(database_url: str) -> None:
    report = await attack(database_url, N_FORGERIES, FIRST)
    print(report.fates)
    assert (report.accepted, report.unchanged, report.heeded) == (0, True, True)
    assert min(sum(fates.values()) for fates in report.fates.values()) > 50


@pytest.mark.parametrize("check", CHECKS)
async def test_forgeries_are_accepted_without_a_check(
    check: Misfit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_out([check, "the question's id"] if check is Misfit.OTHER_QUESTION else [check], monkeypatch)
    report = await attack(f"sqlite:///{tmp_path / 'gate.db'}", 70, FIRST)
    assert (report.accepted, report.unchanged, report.heeded) == (1, False, False), report.fates


async def test_forgeries_are_accepted_if_a_signature_may_be_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_out(
        [Cut(TrustedKeys.verify, "except InvalidSignature:", "except InvalidSignature:\n        return")], monkeypatch
    )
    report = await attack(f"sqlite:///{tmp_path / 'gate.db'}", 70, FIRST)
    assert (report.accepted, report.unchanged, report.heeded) == (1, False, False), report.fates


@pytest.mark.timeout(300)
def test_a_process_may_die_anywhere(fresh_topics: Kafka, tenant: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'menshen.db'}"
    with Standins() as standins, MortalLender(fresh_topics, url, standins, tenant, tmp_path) as lender:
        deaths = killed(lender, KILLS_EACH)
    assert deaths.failures == []
    assert deaths.ends == [(point, STATUS[point]) for point in POINTS * KILLS_EACH]
    assert violations(deaths.seen, OF_REAL_PROCESSES) == {}
    assert len(deaths.seen.outside.bank.movements) > len(deaths.ends)
