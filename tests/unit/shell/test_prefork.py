"""What `Prefork` does with the processes that it runs; `tests/integration/test_workers.py` runs real workers by it."""

import subprocess
import sys

import pytest

BEGIN = """
import os, signal, sys, time
from menshen.shell.prefork import Prefork
"""
ENDED_WHILE_THEY_START = """
class Ended(Prefork):
    def _begin(self, number):
        super()._begin(number)
        if number == 0:
            os.kill(os.getpid(), signal.SIGTERM)
sys.exit(Ended(lambda number: time.sleep(60), 3).until_all_ended())
"""
ONE_REFUSES = """
sys.exit(Prefork(lambda number: sys.exit(78) if number else time.sleep(60), 2).until_all_ended())
"""
ALL_ARE_DRAINED = """
sys.exit(Prefork(lambda number: sys.exit(), 2).until_all_ended())
"""
ONE_FAILS_ONCE = """
def run(number):
    if not os.path.exists(sys.argv[1]):
        open(sys.argv[1], "w").close()
        raise ValueError("what went wrong")
sys.exit(Prefork(run, 1).until_all_ended())
"""


def ended(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", BEGIN + program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


@pytest.mark.parametrize(("program", "status"), [(ENDED_WHILE_THEY_START, 0), (ONE_REFUSES, 78), (ALL_ARE_DRAINED, 0)])
def test_it_ends_with_all_of_its_processes(program: str, status: int) -> None:
    assert ended(program).returncode == status


def test_one_that_fails_says_why_and_is_begun_again(tmp_path: object) -> None:
    end = ended(ONE_FAILS_ONCE, f"{tmp_path}/failed")
    assert end.returncode == 0
    assert "what went wrong" in end.stdout + end.stderr
