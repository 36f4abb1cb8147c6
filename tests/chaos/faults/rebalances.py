"""The group changes all the time: partitions come and go while they are worked on."""

from tests.chaos.stage import Figures, Stage

STORM_S, EVERY_S = 30.0, 5.0
RECOVERY_S = 30.0


def storm(stage: Stage) -> Figures:
    """Row 3: from one worker to three and back, every five seconds; afterwards the lag is gone within 30 s."""
    n_changes, rounds = 0, max(2, round(STORM_S / (2 * EVERY_S)))
    with stage.fleet.at_work(1):
        for _ in range(rounds):
            more = [stage.fleet.start(ready=False) for _ in range(2)]
            for worker in more:
                worker.wait_until_ready()
            stage.pause(EVERY_S / 2)
            stage.fleet.retire(*more)
            n_changes += 2 * len(more)
            stage.pause(EVERY_S / 2)
        recovered_s = stage.drained(RECOVERY_S)
    return {"changes": n_changes, "recovered_s": round(recovered_s, 1)}
