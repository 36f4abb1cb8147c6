"""An owner that was overtaken may publish once without knowing of another's records; by their offsets it notices then."""

from collections.abc import Iterable, Iterator, Sequence

from tests.simulation.ports.log import Record
from tests.simulation.world import Step

from menshen.contract.topics import ASSESSMENTS


def went_on(trace: Sequence[Step], number: int, published: Iterable[Record]) -> Iterator[str]:
    """Yield who went on publishing behind assessments that it did not know, in spite of their offsets.

    A worker knows what it found when it claimed, and what it has published itself.
    """
    read = f"span of {ASSESSMENTS}/{number}"
    looks = [(step.at_s, step.who, True) for step in trace if step.what == read]
    publications = {(record.arrived_s, record.by, False) for record in published}
    n_unknowing: dict[str, int] = {}
    strangers = set[str]()
    for at_s, who, looked in sorted([*looks, *publications]):
        if looked:
            n_unknowing[who] = 0
            strangers.discard(who)
            continue
        n_unknowing[who] = n_unknowing.get(who, 0) + (who in strangers)
        if n_unknowing[who] > 1:
            yield f"I2 {who} goes on behind records on partition {number} that it does not know, at {at_s:.4f}"
        strangers |= n_unknowing.keys() - {who}
