"""Reads all topics, and holds them against what was sent."""

from collections.abc import Iterable, Sequence

from tests.chaos.oracle.census import Census, fates_of, with_unacknowledged
from tests.chaos.oracle.judging import TOPICS, Judgement, judge_partition
from tests.chaos.oracle.log import partitions_of, read_partition
from tests.outside.comparison import Verify
from tests.outside.manifest import EVENTS, Sent
from tests.outside.reading import Record


def look(bootstrap: str, sent: Sequence[Sent], verify: Verify, judgement: Judgement, census: Census) -> None:
    """Count the log into `census`, and add to `judgement` what is found of each partition."""
    fates, partitions = fates_of(sent), partitions_of(bootstrap, EVENTS)
    for partition in partitions:
        log = list(read_partition(bootstrap, EVENTS, partition))
        fates[partition] = with_unacknowledged(fates.get(partition, {}), (dated.record for dated in log))
        census.take(partition, log, fates[partition])
    for partition in partitions:
        found = {topic: list(records_of(bootstrap, topic, partition)) for topic in TOPICS}
        judgement.add(judge_partition(list(fates[partition].values()), found, census, verify))


def records_of(bootstrap: str, topic: str, partition: int) -> Iterable[Record]:
    """Yield the records of a partition."""
    return (dated.record for dated in read_partition(bootstrap, topic, partition))
