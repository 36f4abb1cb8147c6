"""`menshen bench stages`, as an operator runs it."""

import json
import subprocess
import sys

import pytest

from menshen.bench.stages import BUDGET_US


@pytest.mark.slow
def test_it_says_what_each_stage_of_a_worker_costs() -> None:
    command = [
        sys.executable,
        "-m",
        "menshen.cli",
        "bench",
        "stages",
        "--events",
        "20000",
        "--subjects",
        "200",
        "--json",
    ]
    told = subprocess.run(command, check=True, capture_output=True, timeout=110)
    stages = {stage["name"]: stage for stage in json.loads(told.stdout)}
    assert list(stages) == list(BUDGET_US)
    assert all(stages[name]["us"] > 0 for name in ("decode", "observe", "step", "score", "publish", "typing_rhythm"))
    assert all(stage["over"] == (stage["us"] > stage["budget_us"]) for stage in stages.values())
