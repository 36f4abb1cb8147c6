"""Redis forgets: killed, its newest writes lost, emptied, or replaced by a replica that lags behind."""

import contextlib

from tests.chaos.around.processes import until
from tests.chaos.around.proxy import BLACK_HOLE, HOST, Proxy
from tests.chaos.around.servers import Valkey
from tests.chaos.oracle.state import read_state
from tests.chaos.stage import Figures, Stage

from menshen.shell.embedded.servers import free_port

TAILS = 3


def restarted(stage: Stage) -> Figures:
    """Row 9: killed and started again from its file: nothing is lost, nobody judges otherwise."""
    with stage.fleet.at_work(2) as workers:
        for _ in range(2):
            stage.judged(100)
            stage.redis.kill()
            until(lambda: any("redis" in worker.problems() for worker in workers), "an absent Redis is not said")
            stage.redis.start()
            stage.judged(100)
        stage.drained()
    return {"restarts": 2}


def tail_lost(stage: Stage) -> Figures:
    """Row 10: the newest part of its file is gone, as after a loss of power: workers rewind by themselves."""
    n_bytes, n_rewound = [], 0
    with stage.fleet.at_work(2, save_interval_ms=200):
        for _ in range(TAILS):
            stage.judged(200)
            before = _marks(stage)
            stage.redis.kill()
            n_bytes.append(stage.redis.cut_tail(stage.chance))
            stage.redis.start()
            n_rewound += sum(mark < before[slot] for slot, mark in _marks(stage).items())
            stage.judged(100)
        stage.drained()
    assert n_rewound, "no partition had to go back"
    return {"bytes_lost": n_bytes, "partitions_rewound": n_rewound}


def emptied(stage: Stage) -> Figures:
    """Row 11: everything is gone, once with the server and once by a command: it is built again from the log."""
    rebuilt_s = []
    with stage.fleet.at_work(2):
        stage.judged(100)
        stage.redis.kill()
        stage.redis.empty()
        stage.redis.start()
        rebuilt_s.append(stage.drained(180.0))
        with stage.redis_client() as redis:
            redis.flushall()
        stage.pause(1.0)
        rebuilt_s.append(stage.drained(180.0))
    return {"rebuilt_s": [round(seconds, 1) for seconds in rebuilt_s]}


def failed_over(stage: Stage) -> Figures:
    """Row 12: a replica that the newest writes have not reached is promoted; the old server is heard no more."""
    replica = Valkey(stage.folder / f"redis-{free_port()}")
    replica.start()
    with stage.fleet.at_work(2), Proxy(free_port(), stage.redis.port) as wire:
        with contextlib.closing(replica.client()) as redis:
            redis.replicaof(HOST, wire.port)
            until(lambda: redis.info("replication")["master_link_status"] == "up", "the replica does not follow")
            stage.judged(100)
            with wire.suffering(BLACK_HOLE):
                # Judged and saved on the old server alone.
                stage.judged(200)
                redis.replicaof("NO", "ONE")
                stage.redis_proxy.target = replica.port
                stage.redis_proxy.cut()
                wire.cut()
        old, stage.redis = stage.redis, replica
        stage.judged(200)
        stage.drained()
    old.stop()
    return {}


def _marks(stage: Stage) -> dict[bytes, int]:
    with stage.redis_client() as redis:
        return read_state(redis, stage.tenant).marks
