"""The network between workers and servers: slow, silent, one-way, in slices, and deaf to the reply that matters."""

from collections.abc import Sequence

from tests.chaos.around.proxy import BLACK_HOLE, DEAF, MUTE, Fault, sliced, slow
from tests.chaos.stage import Figures, Stage
from tests.servers.detect import Worker


def slow_redis(stage: Stage) -> Figures:
    """Row 14: 200 ms, 2 s, and no answer at all: calls have a deadline, partitions wait, nothing is counted twice."""
    with stage.fleet.at_work(2) as workers:
        stage.judged(50)
        with stage.redis_proxy.suffering(slow(0.2, 0.1)):
            stage.judged(100)
        with stage.redis_proxy.suffering(slow(2.0)):
            stage.pause(8.0)
        stage.judged(100)
        with stage.redis_proxy.suffering(BLACK_HOLE):
            stage.pause(8.0)
            assert all("redis" in worker.problems() for worker in workers), "a silent Redis is not said"
        stage.judged(100)
        _hold_one_way(stage)
        _must_all_run(workers)
        stage.drained()
    return {}


def lost_replies(stage: Stage) -> Figures:
    """Row 15: what was asked of Redis or Kafka is done, and the reply is lost with the connection."""
    redis, kafka = stage.redis_proxy, stage.broker.proxy
    n_before = redis.n_resets + kafka.n_resets
    with stage.fleet.at_work(2, **stage.behind, save_interval_ms=100) as workers:
        stage.judged(50)
        for _ in range(8):
            redis.reset_replies(3)
            stage.pause(0.7)
        stage.judged(100)
        for _ in range(8):
            kafka.reset_replies(2)
            stage.pause(0.7)
        stage.judged(100)
        _must_all_run(workers)
        stage.drained()
    n_resets = redis.n_resets + kafka.n_resets - n_before
    assert n_resets >= 20, f"only {n_resets} replies were lost"
    return {"replies_lost": n_resets}


def bad_kafka(stage: Stage) -> Figures:
    """Row 14: the same between workers and the broker, past the session of every member."""
    proxy = stage.broker.proxy
    with stage.fleet.at_work(2, **stage.behind) as workers:
        stage.judged(50)
        for fault in (slow(0.2, 0.1), sliced(700), DEAF, MUTE, BLACK_HOLE):
            _suffer(stage, fault, 8.0 if fault.held else 3.0)
            stage.judged(50)
        proxy.cut()
        stage.judged(50)
        _must_all_run(workers)
        stage.drained()
    assert proxy.n_connections > 10, "the workers did not come by the proxy"
    return {"connections": proxy.n_connections}


def _suffer(stage: Stage, fault: Fault, seconds: float) -> None:
    with stage.broker.proxy.suffering(fault):
        stage.pause(seconds)


def _hold_one_way(stage: Stage) -> None:
    """Requests that arrive late, and replies that do: longer than a call may take."""
    for fault in (MUTE, DEAF):
        with stage.redis_proxy.suffering(fault):
            stage.pause(6.0)
        stage.judged(100)
    with stage.redis_proxy.suffering(sliced(400)):
        stage.judged(100)


def _must_all_run(workers: Sequence[Worker]) -> None:
    ended = [worker.ended() for worker in workers if worker.ended() is not None]
    assert not ended, f"workers ended with status {ended}"
