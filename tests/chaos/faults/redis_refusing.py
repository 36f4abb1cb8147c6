"""Redis is there and does not do what it is asked: full, read-only, without its scripts."""

import redis as client
from tests.chaos.around.processes import until
from tests.chaos.stage import Figures, Stage

N_FLUSHES = 150


def full(stage: Stage) -> Figures:
    """Row 13: at its memory limit it refuses writes; partitions wait, nothing is evicted, all goes on afterwards."""
    with stage.fleet.at_work(2) as workers, stage.redis_client() as redis:
        stage.judged(100)
        assert redis.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        redis.config_set("maxmemory", redis.info("memory")["used_memory"] - 100_000)
        until(lambda: all("redis" in worker.problems() for worker in workers), "a full Redis is not said")
        stage.pause(3.0)
        n_evicted = redis.info("stats")["evicted_keys"]
        redis.config_set("maxmemory", 0)
        stage.judged(100)
        stage.drained()
        assert n_evicted == 0, f"{n_evicted} keys were evicted"
    return {}


def scripts_flushed(stage: Stage) -> Figures:
    """Row 16: it forgets its scripts while they are in use, also those that it has just been given again."""
    with stage.fleet.at_work(2) as workers, stage.redis_client() as redis:
        for _ in range(N_FLUSHES):
            redis.script_flush()
            stage.pause(0.02)
        stage.judged(100)
        assert [worker.ended() for worker in workers] == [None, None], "a worker ended for want of a script"
    return {"flushes": N_FLUSHES}


def read_only(stage: Stage) -> Figures:
    """Row 16: it becomes a replica of nobody that answers, and takes no writes until it is promoted again."""
    with stage.fleet.at_work(2) as workers, stage.redis_client() as redis:
        stage.judged(100)
        redis.replicaof("127.0.0.1", 1)
        until(lambda: all("redis" in worker.problems() for worker in workers), "a read-only Redis is not said")
        stage.pause(1.0)
        try:
            redis.replicaof("NO", "ONE")
        except client.RedisError as error:
            raise AssertionError(f"the server is not promoted: {error}") from error
        stage.judged(100)
        stage.drained()
        assert [worker.ended() for worker in workers] == [None, None], "a worker ended for a read-only Redis"
    return {}
