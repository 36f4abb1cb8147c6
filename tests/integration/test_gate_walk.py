"""No money moves without a valid allow: a long random walk, and the same walk with a check taken out."""

import time
from collections.abc import Iterator

import pytest
from tests.gate.walk import Walk
from tests.gate.world import world
from tests.servers.standins import Standins
import menshen.onboard.sender as sender

N=int(__import__("os").environ.get("N","1000"))

@pytest.mark.slow
async def test_walk(database_url: str, monkeypatch) -> None:
    with Standins() as standins:
        async with world(database_url, standins, seed=1) as w:
            monkeypatch.setattr(sender, "clock_ms", w.office.clock)
            t=time.time()
            try:
                await Walk(w).go(N)
            finally:
                print(time.time()-t)
                for k,v in sorted(w.counts.items()): print(k, v)
                print("transfers", sum(w.judge.transfers.values()), w.judge.violations)
