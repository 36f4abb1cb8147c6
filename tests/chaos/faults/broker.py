"""The broker goes away: in good order, killed, for long, and before anybody is at work."""

import json

from tests.chaos.around.processes import until
from tests.chaos.stage import Figures, Stage

CHASES = 3
GROWN_MB = 150


def restarts(stage: Stage) -> Figures:
    """Row 6: the broker is restarted, in good order and killed in turn; workers go on by themselves."""
    with stage.fleet.at_work(2) as workers:
        for number in range(CHASES):
            stage.judged(50)
            stage.broker.kill() if number % 2 else stage.broker.stop()
            stage.broker.start()
            stage.judged(50)
        for worker in workers:
            assert worker.ended() is None, "a worker ended because the broker was restarted"
            worker.wait_until_ready()
    return {"restarts": CHASES}


def long_outage(stage: Stage) -> Figures:
    """Row 7: it stays away; workers stay up, say so, keep their memory, and catch up within twice the time."""
    outage_s = stage.options.outage_s
    with stage.fleet.at_work(2) as workers:
        stage.judged(50)
        before_mb = stage.fleet.rss_mb_max
        stage.broker.kill()
        until(lambda: all(worker.problems() for worker in workers), "an absent broker is not said", 30.0)
        stage.pause(outage_s)
        assert all(json.loads(worker.get("/livez")) == {"live": True} for worker in workers), "a worker is not alive"
        assert [worker.ended() for worker in workers] == [None, None], "a worker ended in the outage"
        grown_mb = stage.fleet.rss_mb_max - before_mb
        assert grown_mb < GROWN_MB, f"memory grew by {grown_mb} MB in the outage"
        stage.broker.start()
        caught_up_s = stage.drained(max(60.0, 2 * outage_s))
        for worker in workers:
            worker.wait_until_ready()
    return {"outage_s": outage_s, "caught_up_s": round(caught_up_s, 1), "grown_mb": grown_mb}


def absent_at_start(stage: Stage) -> Figures:
    """Row 8: a worker that starts before the broker waits for it: alive, not ready."""
    stage.broker.stop()
    worker = stage.fleet.start(ready=False)
    until(lambda: "process" not in worker.problems(), "the worker serves nothing")
    said = worker.problems()
    assert "kafka" in said or "partitions" in said, f"an absent broker is not said: {said}"
    assert json.loads(worker.get("/livez")) == {"live": True}
    stage.broker.start()
    worker.wait_until_ready()
    stage.drained()
    stage.fleet.retire(worker)
    return {}
