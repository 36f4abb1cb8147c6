"""Who was overtaken may publish once without knowing of another's records; by their offsets it notices then."""

from collections.abc import Iterable, Iterator, Sequence

from tests.simulation.ports.log import Record
from tests.simulation.world import Step

from menshen.contract.topics import ASSESSMENTS


def went_on(trace: Sequence[Step], number: int, published: Iterable[Record]) -> Iterator[str]:
    """Yield who went on publishing behind assessments that it did not know, in spite of their offsets.

    A worker knows what it found when it claimed, and what it has published itself.
    """
    looks = [(s.who, s.at_s) for s in trace if s.what == f"span of {ASSESSMENTS}/{number}"]
    publications = sorted({(record.sent_s, record.arrived_s, record.by) for record in published})
    unknowing = set[tuple[str, float]]()
    for sent_s, _, who in publications:
        looked_s = max((at_s for by, at_s in looks if by == who and at_s <= sent_s), default=0.0)
        if any(by != who and looked_s < arrived_s < sent_s for _, arrived_s, by in publications):
            if (who, looked_s) in unknowing:
                yield f"I2 {who} goes on behind records on partition {number} that it does not know, at {sent_s:.4f}"
            unknowing.add((who, looked_s))
