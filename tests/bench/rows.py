"""How fast each contestant takes the same log: records, events a second, CPU an event."""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tests.bench.house import Contestant, House, must_run
from tests.bench.measuring import between, rss_mb, watched

from menshen.bench.seeding import seed
from menshen.contract.topics import ASSESSMENTS, EVENTS, VERDICTS

AT_MOST_S = 30.0
QUIX = os.environ.get("MENSHEN_BENCH_QUIX", "")
"""The Python that has Quix Streams, which cannot live beside our confluent-kafka; without one there is no such row."""
Row = dict[str, Any]


class Program(NamedTuple):
    """A program of `contestants`, with arguments of its own, for another Python than ours if it needs one."""

    module: str
    arguments: Sequence[str] = ()
    python: str = sys.executable


PROGRAMS = {
    "floor": Program("floor"),
    "floor_with_state": Program("floor", ["--state"]),
    "stock_faust": Program("stock_faust"),
    "quix_streams": Program("quix", python=QUIX),
}


def contestant(house: House, name: str, n_events: int) -> Row:
    """Have a program of ours take the log, from an empty group."""
    out, verdicts = house.output_topics(name)
    program = PROGRAMS[name]
    with house.valkey(name) as valkey:
        seed(valkey.url, house.crowd, lambda subject: b"s:" + subject)
        arguments = ["--kafka", house.kafka.bootstrap_servers, "--redis", valkey.url, "--events", EVENTS]
        arguments += ["--out", out, "--verdicts", verdicts, "--group", name, *program.arguments]
        with Contestant(program.module, arguments, house.folder / f"{name}.log", program.python) as process:
            return _measured(house, (out, verdicts), n_events, process.pid, valkey.pid, process.must_run)


def menshen(house: House, name: str, n_events: int, n_workers: int = 1) -> Row:
    """Have a worker as shipped take the log, or several of one command."""
    with house.valkey(name) as valkey:
        deployment = house.deployment(valkey, name)
        with deployment.worker(arguments=["--workers", str(n_workers)]) as worker:
            return _measured(house, (ASSESSMENTS, VERDICTS), n_events, worker.pid, valkey.pid, lambda: must_run(worker))


def _measured(
    house: House, topics: tuple[str, str], n_events: int, worker: int, valkey: int, alive: Callable[[], object]
) -> Row:
    assert house.kafka.pid
    pids = {"worker_cpu": worker, "kafka_cpu": house.kafka.pid, "redis_cpu": valkey}
    begin, end = watched(lambda: house.ends(topics[0]), pids, n_events, at_most_s=AT_MOST_S, alive=alive)
    produced = {"records": house.ends(topics[0]), "verdicts": house.ends(topics[1])}
    return between(begin, end) | produced | {"worker_rss_mb": rss_mb(worker)}
