"""Redis forgets: killed, its newest writes lost, emptied, or replaced by a replica that lags behind."""

import contextlib
import time

from tests.chaos.around.processes import until
from tests.chaos.around.proxy import BLACK_HOLE, HOST, Proxy
from tests.chaos.around.servers import Valkey
from tests.chaos.stage import Figures, Stage

from menshen.shell.embedded.servers import free_port

TAILS = 3
REBUILT_S = 600.0
OLD_S = 600.0


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
            before = stage.marks()
            stage.redis.kill()
            n_bytes.append(stage.redis.cut_tail(stage.chance))
            stage.redis.start()
            n_rewound += sum(mark < before[number] for number, mark in stage.marks().items())
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
        rebuilt_s.append(stage.rebuilt(REBUILT_S))
        with stage.redis_client() as redis:
            redis.flushall()
        n_events = stage.load.n_appended
        rebuilt_s.append(stage.rebuilt(REBUILT_S))
        stage.drained()
    return {"rebuilt_s": [round(seconds, 1) for seconds in rebuilt_s], "rebuilt_events": n_events}


def backed_up(stage: Stage) -> Figures:
    """Row 11: a backup is made under load, as the server's manual says: its files are copied while none is replaced."""
    with stage.fleet.at_work(2):
        stage.judged(200)
        n_bytes = stage.redis.back_up(stage.backup.folder)
        stage.backup = stage.backup._replace(made_s=time.monotonic())
        stage.judged(100)
    return {"backup_bytes": n_bytes}


def restored(stage: Stage) -> Figures:
    """Row 11: what Redis holds under load is replaced by an old backup: workers go on at its marks by themselves."""
    with stage.fleet.at_work(2):
        stage.judged(100)
        if stage.options.whole:
            stage.pause(max(0.0, OLD_S - stage.backup.age_s))
        before, age_s = stage.marks(), stage.backup.age_s
        stage.redis.kill()
        stage.redis.restore(stage.backup.folder)
        stage.redis.start()
        n_behind = sum(before.values()) - sum(stage.marks().values())
        assert n_behind > 0, "the backup is not older than the state"
        rebuilt_s = stage.rebuilt(REBUILT_S)
        stage.drained()
    return {"backup_age_s": round(age_s), "events_behind": n_behind, "restored_s": round(rebuilt_s, 1)}


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
