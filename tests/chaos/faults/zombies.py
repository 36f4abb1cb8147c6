"""Workers that the group takes for dead and that are not: suspended at a point past their session, then resumed."""

from tests.chaos.around.processes import metric, resume, stopped, suspend, until
from tests.chaos.stage import Figures, Stage
from tests.outside.manifest import ASSESSMENTS
from tests.servers.detect import Worker

SESSION_S = 6.0
POINTS = ("assessments.before", "save.before", "verdicts.before", "open.before")
"""Where a worker that is not the owner any more would do most harm."""
STALE = "menshen_detect_stale_total"


def at_points(stage: Stage) -> Figures:
    """Row 2: it stops right before a write, another takes over and goes on, and then the write takes place."""
    n_stale, n_rounds = 0, 2 if stage.options.mutation else 1
    for point in POINTS * n_rounds:
        n_stale += _one(stage, point)
    assert n_stale, "no zombie was told that it is stale"
    return {"zombies": len(POINTS) * n_rounds, "told_stale": n_stale}


def _one(stage: Stage, point: str) -> int:
    # Its name lets the onlooker see what it has.
    zombie = stage.fleet.start("--stop", f"{point}:{stage.chance.randrange(3, 9)}", instance_id="zombie", ready=False)
    until(lambda: stopped(zombie), f"{point} is not reached", 40.0, pause_s=0.02)
    partitions = stage.watch.partitions_of("zombie")
    assert partitions, "the zombie had no partition"
    with stage.fleet.at_work(1):
        _wait_for_the_heirs(stage, partitions)
        resume(zombie)
        n_stale = _seen_off(stage, zombie)
        stage.fleet.retire(zombie)
    return n_stale


def at_any_moment(stage: Stage) -> Figures:
    """Row 2: it is suspended wherever it is, while two others work."""
    with stage.fleet.at_work(1):
        zombie = stage.fleet.start(instance_id="zombie")
        stage.judged(100)
        suspend(zombie)
        _wait_for_the_heirs(stage, stage.watch.partitions_of("zombie"))
        resume(zombie)
        zombie.wait_until_ready()
        stage.drained()
        stage.fleet.retire(zombie)
    return {}


def with_a_whole_batch(stage: Stage) -> Figures:
    """Row 2: it holds a whole batch of customers whom nobody knows yet, while others see them on shared devices."""
    with stage.apart(n_events=3_000) as scene:
        zombie = scene.fleet.start("--stop", "assessments.before:1", ready=False)
        until(lambda: stopped(zombie), "no batch is judged", 40.0)
        with scene.fleet.at_work(1):
            scene.drained()
            n_before = scene.watch.n_records(ASSESSMENTS)
            resume(zombie)
            until(lambda: scene.watch.n_records(ASSESSMENTS) > n_before, "what it held is not published")
            zombie.wait_until_ready()
            scene.drained()
            scene.fleet.retire(zombie)
        n_held = scene.watch.n_records(ASSESSMENTS) - n_before
        found = scene.judge(scene.load.sent)
        assert not found, f"{len(found)} discrepancies, such as {found[0]}"
    return {"records_held": n_held}


def _wait_for_the_heirs(stage: Stage, partitions: set[int]) -> None:
    until(lambda: not stage.watch.partitions_of("zombie"), "the group does not give up the zombie", 4 * SESSION_S)
    before = stage.watch.positions()

    def gone_on() -> bool:
        now = stage.watch.positions()
        return all(now[partition][1] > before[partition][1] + 20 for partition in partitions)

    until(gone_on, "nobody goes on where the zombie was")


def _seen_off(stage: Stage, zombie: Worker) -> int:
    """Wait until it is a member as others are, and return how often it was told that it is stale."""
    zombie.wait_until_ready()
    stage.drained()
    return round(metric(zombie, STALE))
