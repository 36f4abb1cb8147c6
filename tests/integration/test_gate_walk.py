"""No money moves without a valid allow: a long random walk through the gate, on each database."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.gate.forging import FORGERIES
from tests.gate.office import POLICY
from tests.gate.walk import FAULTS, Walk
from tests.gate.world import World, world
from tests.servers.standins import Standins

from menshen.contract.opening import CHECKS
from menshen.onboard import sender

N_STEPS = 10_000
SEED = int(os.environ.get("MENSHEN_TEST_SEED", "20"))
FLOORS = {
    "draws": 300,
    "redraws to another payee": 30,
    "delivered": 300,
    "held": 100,
    "doubled": 60,
    "dropped": 30,
    "overtaken": 15,
    "revocations": 100,
    "hold-ups": 20,
    "fate KNOWN": 50,
    "fate REVOKED": 15,
    "fate REVOKES": 50,
    "fate REVOKES_NOTHING": 50,
    "fate SUPERSEDED": 2,
    "NotNow": 30,
    "Contradiction": 30,
    **{f"attack {name}": 15 for name in FORGERIES},
    **{f"bank {fault}": 15 for fault in FAULTS if fault != "none"},
}
"""So much of each has to happen, or the walk is worth nothing."""


@asynccontextmanager
async def walked(url: str, n_steps: int, patch: pytest.MonkeyPatch, *, seed: int = SEED) -> AsyncIterator[World]:
    policy = replace(POLICY, draws_a_day=15)
    with Standins() as standins:
        async with world(url, standins, seed=seed, policy=policy) as here:
            patch.setattr(sender, "clock_ms", here.office.clock)
            await Walk(here).go(n_steps)
            yield here


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_no_money_moves_without_a_valid_allow(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with walked(database_url, N_STEPS, monkeypatch) as here:
        n_transfers = here.judge.transfers.total()
        print(f"seed {SEED}:", {**dict(sorted(here.counts.items())), "transfers": n_transfers})
    assert here.judge.violations == [], f"MENSHEN_TEST_SEED={SEED} walks the same way again"
    assert n_transfers > 200
    assert max(here.judge.transfers.values()) == 1
    assert {name: here.counts[name] for name, floor in FLOORS.items() if here.counts[name] < floor} == {}


@pytest.mark.slow
async def test_the_same_seed_walks_the_same_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    for turn, seed in (("first", 7), ("again", 7), ("other", 8)):
        async with walked(f"sqlite:///{tmp_path / turn}.db", 250, monkeypatch, seed=seed) as here:
            # The keys are others each time, so that a forged signature may be another one.
            seen.append((here.counts, here.judge.transfers, [told.at_ms for told in here.street.told]))
    assert seen[0] == seen[1] != seen[2]
    assert seen[0][0]["draws"] > 3


def test_each_check_is_attacked() -> None:
    assert set(FORGERIES) > {*map(str, CHECKS)}
