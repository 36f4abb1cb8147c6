"""The workers that other tests build on are real processes, and end as they should."""

import contextlib
import os
import signal
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec import json
from tests.servers.detect import Deployment, Worker

from menshen.contract.topics import EVENTS
from menshen.shell.embedded.servers import HOST, free_port
from menshen.shell.kafka.topics import catalogue

N_PARTITIONS = next(topic.partitions for topic in catalogue() if topic.name == EVENTS)
REFUSES = 78


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


@contextmanager
def _two_of_one_command(detect: Deployment) -> Iterator[Worker]:
    with detect.worker(arguments=["--workers", "2"], http_port=_two_free_ports()) as both:
        _until(lambda: _share(both) is not None)
        yield both


def _two_free_ports() -> int:
    """Return the first of two that stand one behind the other."""
    while True:
        with contextlib.suppress(OSError), socket.socket() as taken:
            port = free_port()
            taken.bind((HOST, port + 1))
            return port


def _share(both: Worker) -> tuple[int, int] | None:
    """Return how many partitions each of the two has, by its own metrics, once they share all of them out."""
    shares = _claimed(both, 0), _claimed(both, 1)
    return shares if sum(shares) == N_PARTITIONS and all(shares) else None


def _claimed(worker: Worker, number: int) -> int:
    address = f"http://{HOST}:{int(worker.settings['MENSHEN_HTTP_PORT']) + number}/metrics"
    try:
        with urllib.request.urlopen(address, timeout=5.0) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return 0
    claimed = [line for line in lines if line.startswith('menshen_detect_partitions{state="claimed"}')]
    return sum(int(float(line.rpartition(" ")[2])) for line in claimed)


def _until(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 60.0
    while not holds():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def _processes_of(both: Worker) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{both.pid}/task/{both.pid}/children").read_text().split()]


def test_one_command_runs_several_workers_and_drains_them(detect: Deployment) -> None:
    with _two_of_one_command(detect) as both:
        both.stop()
        assert both.output().count('"drained"') == 2


def test_one_of_several_workers_that_is_killed_is_begun_again(detect: Deployment) -> None:
    with _two_of_one_command(detect) as both:
        first, second = _processes_of(both)
        os.kill(second, signal.SIGKILL)
        _until(lambda: second not in _processes_of(both) and len(_processes_of(both)) == 2)
        assert first in _processes_of(both)
        _until(lambda: _share(both) is not None)
        both.stop()


def test_several_workers_do_not_outlive_the_process_that_began_them(detect: Deployment) -> None:
    with _two_of_one_command(detect) as both:
        pids = _processes_of(both)
        os.kill(both.pid, signal.SIGKILL)
        _until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


def test_several_workers_that_refuse_to_start_end_as_one_does(detect: Deployment, tmp_path: Path) -> None:
    broken = tmp_path / "policy.toml"
    broken.write_text("no policy")
    with detect.worker(arguments=["--workers", "2"], policy_file=broken) as both:
        assert both.wait_until_ended(30.0) == REFUSES
