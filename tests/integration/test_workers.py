"""The workers that other tests build on are real processes, and end as they should."""

import os
import signal

import pytest
from msgspec import json
from tests.servers.detect import Deployment


def test_a_worker_becomes_ready_and_drains(detect: Deployment) -> None:
    worker = detect()
    assert json.decode(worker.get("/livez")) == {"live": True}
    assert "menshen_" in worker.get("/metrics")
    worker.stop()
    assert "drained" in worker.output()


def test_a_killed_worker_leaves_nothing_and_another_takes_its_place(detect: Deployment) -> None:
    first = detect()
    first.kill()
    with pytest.raises(ProcessLookupError):
        os.kill(first.pid, 0)
    detect()


def test_two_workers_share_the_partitions(detect: Deployment) -> None:
    first, second = detect(), detect()
    assert {first.ended(), second.ended()} == {None}


def test_a_suspended_worker_does_not_answer_until_it_goes_on(detect: Deployment) -> None:
    worker = detect()
    worker.signal(signal.SIGSTOP)
    assert "process" in worker.problems()
    worker.signal(signal.SIGCONT)
    worker.wait_until_ready()
