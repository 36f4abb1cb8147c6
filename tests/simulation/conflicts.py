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
    return bool(of_each) and all(any(_overtaken(r, trace, number) for r in records) for records in of_each)


def _overtaken(record: Record, trace: Sequence[Step], number: int) -> bool:
    """Say whether, between its open and its arrival, Redis lost a record's intent and another became the owner.

    Who claims does, and so does who had claimed before the record's owner: the loss has brought its claim back.
    """
    mine = (i for i, s in enumerate(trace) if s.who == record.by and _is("open", s, number) and s.at_s < record.sent_s)
    since = [step for step in trace[max(mine, default=0) :] if step.at_s < record.arrived_s]
    losses = [step.at_s for step in since if _is_loss(step, number)]
    others = [step for step in since if losses and step.at_s > losses[0]]
    return any(_is("claim", s, number) or (s.who != record.by and _is("open", s, number)) for s in others)


def _is(script: str, step: Step, number: int) -> bool:
    return step.what.startswith(f"{script} {{{TENANT}:{number}}}:slot")


def _is_loss(step: Step, number: int) -> bool:
    return step.what.startswith(LOSS) and str(number) in step.what.partition("]")[0]
