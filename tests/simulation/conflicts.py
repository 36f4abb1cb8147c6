"""The conflicts that the protocol leaves open: an owner that was overtaken goes on, and Redis forgets who overtook it.

Two records of an id may differ then, and the state follows either. They are counted; none comes without both: a worker
that does not know that it was overtaken, and a loss in Redis.
"""

from collections.abc import Iterable, Sequence

from tests.simulation.ports.log import Record
from tests.simulation.world import LOSS, TENANT, Step


def left_open(trace: Sequence[Step], number: int, differing: Iterable[Sequence[Record]]) -> bool:
    """Say whether what is wrong with a partition is such a conflict; `differing` has all records of each id."""
    of_each = list(differing)
    return bool(of_each) and all(
        any(_forgotten(r, trace, number) or _brought_back(r, trace, number) for r in records) for records in of_each
    )


def _forgotten(record: Record, trace: Sequence[Step], number: int) -> bool:
    """Say whether, between its open and its arrival, Redis lost a record's intent and somebody claimed after that."""
    since = _since_own("open", record, trace, number)
    losses = [step.at_s for step in since if _is_loss(step, number)]
    return any(_is("claim", step, number) and step.at_s > losses[0] for step in since if losses)


def _brought_back(record: Record, trace: Sequence[Step], number: int) -> bool:
    """Say whether its owner was overtaken, a loss has brought its claim back, and this is the first that it publishes.

    Then it notices what the other has published, so that no more than a batch is excused.
    """
    since = _since_own("claim", record, trace, number)
    overtaken = [step.at_s for step in since if _is("claim", step, number) and step.who != record.by]
    losses = [step.at_s for step in since if overtaken and step.at_s > overtaken[0] and _is_loss(step, number)]
    published = [step for step in since if step.who == record.by and f" to {record.topic}/{number}" in step.what]
    return bool(losses) and not any(step.at_s > losses[0] for step in published)


def _since_own(script: str, record: Record, trace: Sequence[Step], number: int) -> Sequence[Step]:
    """Return what happened after its worker's last call of a script, until a record arrived."""
    mine = (i for i, s in enumerate(trace) if s.who == record.by and _is(script, s, number) and s.at_s < record.sent_s)
    return [step for step in trace[max(mine, default=0) :] if step.at_s < record.arrived_s]


def _is(script: str, step: Step, number: int) -> bool:
    return step.what.startswith(f"{script} {{{TENANT}:{number}}}:slot")


def _is_loss(step: Step, number: int) -> bool:
    return step.what.startswith(LOSS) and str(number) in step.what.partition("]")[0]
