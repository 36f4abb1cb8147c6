"""Workers that end: at every named point, by chance under load, and because they were asked to."""

import os
import time
from statistics import median

from tests.chaos.around.processes import until
from tests.chaos.around.watching import first_after
from tests.chaos.inside.points import CODES, POINTS
from tests.chaos.stage import Figures, Stage
from tests.outside.manifest import ASSESSMENTS
from tests.servers.detect import Worker

KILLS_A_POINT = 3
SOONEST = {"observe": 12, "open": 12, "step": 12, "assessments": 12, "verdicts": 8, "save": 6, "commit": 9}
"""A trap snaps at a pass up to this: soon enough to be met, at different places each time."""
LONG_JOURNAL_MS = 2_000
SNAPPED_S, BACK_S = 60.0, 30.0
IN_FLIGHT_S = 0.1
"""What the dead worker had sent may reach the broker for so long."""
LIMITS_S = {"survivor": 8.0, "restarted": 3.0}
"""From the kill to the first new record on the dead member's partitions, at the median."""


def crash_points(stage: Stage) -> Figures:
    """Row 1: a worker ends at each named point, three times, each time at another pass."""
    todo = [point for point in POINTS for _ in range(KILLS_A_POINT)]
    stage.chance.shuffle(todo)
    missed = 0
    # Static members: their partitions are theirs again as soon as they are back.
    lanes = [f"crash-{lane}" for lane in range(2)]
    running: dict[str, tuple[str, Worker]] = {}
    while todo or running:
        for lane in lanes:
            if lane not in running and todo:
                point = todo.pop()
                running[lane] = point, _trapped(stage, lane, point)
        lane = _first_ended(running)
        point, worker = running.pop(lane)
        status = stage.fleet.status_of(worker, SNAPPED_S)
        if status == CODES[point]:
            stage.crash_points[point] += 1
        else:
            missed += 1
            assert missed <= len(POINTS), f"a worker that was to end at {point} ended with status {status}"
            todo.append(point)
    _leave(stage, lanes)
    return {"kills_at_points": sum(stage.crash_points.values())}


def _trapped(stage: Stage, lane: str, point: str) -> Worker:
    n_passes = stage.chance.randrange(1, SOONEST.get(point.partition(".")[0], 3) + 1)
    if point == "journal.middle":
        n_passes = stage.chance.randrange(1, 60)
    trap = ("--die", f"{point}:{n_passes}")
    return stage.fleet.start(*trap, ready=False, instance_id=lane, save_interval_ms=LONG_JOURNAL_MS)


def _first_ended(running: dict[str, tuple[str, Worker]]) -> str:
    ended: list[str] = []

    def one_has() -> bool:
        ended[:] = [lane for lane, (_, worker) in running.items() if worker.ended() is not None]
        return bool(ended)

    points = [point for point, _ in running.values()]
    until(one_has, f"no worker reaches {' or '.join(points)}", SNAPPED_S, pause_s=0.05)
    return ended[0]


def _leave(stage: Stage, lanes: list[str]) -> None:
    """Have the members whose names were used come back once and catch up, so that nobody waits for the dead."""
    with_names = [stage.fleet.start(ready=False, instance_id=lane) for lane in lanes]
    for worker in with_names:
        worker.wait_until_ready()
    stage.drained()
    stage.fleet.retire(*with_names)


def by_chance(stage: Stage) -> Figures:
    """Row 1: a worker is killed at any moment; a survivor takes over, or the same member is started again."""
    workers = {name: stage.fleet.start(ready=False, instance_id=name) for name in ("one", "two")}
    for worker in workers.values():
        worker.wait_until_ready()
    for number in range(stage.options.kills):
        until(lambda: all(stage.watch.partitions_of(name) for name in workers), "a member has no partition")
        stage.pause(stage.chance.uniform(0.3, 1.5))
        victim = stage.chance.choice(sorted(workers))
        restarts = bool(number % 2)
        partitions = stage.watch.partitions_of(victim)
        with stage.watch.next_records(ASSESSMENTS, partitions) as coming:
            killed_s = time.time()
            stage.fleet.kill(workers[victim])
            if restarts:
                workers[victim] = stage.fleet.start(ready=False, instance_id=victim)
            took_s = first_after(coming, killed_s + IN_FLIGHT_S, BACK_S) + IN_FLIGHT_S
        stage.takeover_s["restarted" if restarts else "survivor"].append(took_s)
        stage.tell(f"kill {number + 1}: {victim}, {'restarted' if restarts else 'survivor'} after {took_s:.2f} s")
        if not restarts:
            workers[victim] = stage.fleet.start(ready=False, instance_id=victim)
        workers[victim].wait_until_ready()
    stage.drained()
    stage.fleet.retire(*workers.values())
    load = os.getloadavg()[1]
    for how, limit_s in LIMITS_S.items() if stage.options.check else ():
        if times_s := stage.takeover_s[how]:
            assert median(times_s) <= limit_s, f"{how}: {median(times_s):.1f} s to a new record, not {limit_s:g}"
    return {"kills_by_chance": stage.options.kills, "load_average": round(load, 1)}


def asked_to_end(stage: Stage) -> Figures:
    """Row 4: SIGTERM drains within 10 s with status 0, and leaves nothing that is published and not saved."""
    slowest_s = 0.0
    for _ in range(3):
        workers = [stage.fleet.start(ready=False) for _ in range(2)]
        for worker in workers:
            worker.wait_until_ready()
        stage.judged(200)
        slowest_s = max(slowest_s, stage.fleet.retire(*workers))
        unsaved = _published_beyond_the_mark(stage)
        assert not unsaved, f"published and not saved: {unsaved}"
    return {"drain_s_max": round(slowest_s, 2)}


def _published_beyond_the_mark(stage: Stage) -> dict[int, tuple[int, int]]:
    newest = {partition: stage.watch.last_body(ASSESSMENTS, partition) for partition in stage.watch.positions()}
    marks = stage.marks()
    return {p: (body["offset"], marks[p]) for p, body in newest.items() if body and body["offset"] > marks[p]}
