"""Everything that is counted once the faults are over and nobody is at work."""

import contextlib

from tests.chaos.around.processes import until
from tests.chaos.around.servers import Valkey
from tests.chaos.around.watching import Onlooker
from tests.chaos.inside.retelling import read_told
from tests.chaos.oracle.census import Census
from tests.chaos.oracle.judging import Floors, Judgement, worth
from tests.chaos.oracle.log import partitions_of
from tests.chaos.oracle.looking import look, records_of
from tests.chaos.oracle.retold import IDS, compare_retold
from tests.chaos.oracle.state import differences, read_state, recounted
from tests.chaos.stage import Stage
from tests.outside.comparison import Discrepancy
from tests.outside.counter import verifier
from tests.outside.manifest import EVENTS


def reckon(stage: Stage, judgement: Judgement, census: Census, floors: Floors) -> None:
    """Hold log and state against what was sent, against a recount, and against a calm run over the same log."""
    bootstrap = stage.broker.direct
    verify = verifier(stage.deployment.keys_file.read_bytes())
    look(bootstrap, stage.load.sent, verify, judgement, census)
    judgement.discrepancies += worth(census, floors)
    with stage.redis_client() as redis:
        state = read_state(redis, stage.tenant)
    judgement.discrepancies += recounted(state, census)
    stage.tell("telling the log again, calmly")
    with _calm_run(stage) as (calm, told):
        judgement.discrepancies += differences(state, calm)
        for topic in IDS:
            for partition in partitions_of(bootstrap, EVENTS):
                published = records_of(bootstrap, topic, partition)
                found_again = compare_retold(topic, published, read_told(told, topic, partition))
                judgement.counts["retold"] += found_again.n_compared
                judgement.discrepancies += found_again.discrepancies
    judgement.counts["blobs"] = len(state.blobs)
    if not state.blobs:
        judgement.discrepancies.append(Discrepancy("TOO FEW", "subjects in Redis", "none"))


@contextlib.contextmanager
def _calm_run(stage: Stage):  # type: ignore[no-untyped-def]
    """Yield the state that workers make of the same log and journal in an empty Redis, and what they told."""
    told = stage.folder / "told"
    told.mkdir()
    group = f"{stage.tenant}-calm"
    with Valkey(stage.folder / "calm") as redis, contextlib.closing(Onlooker(stage.broker.direct, group)) as watch:
        with stage.fleet.at_work(
            2, "--retell", str(told), mutated=False, redis_url=redis.url, group_id=group, save_interval_ms=2000
        ):
            patience_s = 120 + stage.load.n_appended / 500
            until(lambda: watch.lag() == 0, "the log is not told again", patience_s, pause_s=0.5)
        with contextlib.closing(redis.client()) as client:
            yield read_state(client, stage.tenant), told
