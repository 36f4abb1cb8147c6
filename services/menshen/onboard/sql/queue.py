"""The queue of people: what they have to look at, who has said what, and when that makes a decision."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from sqlalchemy import Connection, insert, select, update

from menshen.contract.events import Step
from menshen.contract.identifiers import record_id
from menshen.loan.commands import Queue
from menshen.loan.gate import Lifted, Upheld
from menshen.onboard.sql.store import Kept, Unknown
from menshen.onboard.sql.tables import questions, reviews, votes

Say = Literal["allow", "block"]


class Closed(Exception):
    """The review is decided, or its time is up. Nothing was changed."""


class Review(NamedTuple):
    """One entry. `event_id` is the question whose verdict is looked at; None where nobody has answered."""

    review_id: str
    gate_id: str
    application_id: str
    step: Step
    event_id: str | None
    n_people: int
    opened_ms: int
    due_ms: int
    closed_ms: int | None
    outcome: str | None


class Vote(NamedTuple):
    """What one person says; `operator` is a pseudonym."""

    operator: str
    role: str
    decision: Say
    note: str
    at_ms: int


def enter(connection: Connection, tenant: str, kept: Kept, wanted: Queue, now_ms: int) -> None:
    """Put a gate into the queue."""
    earlier = len(connection.execute(select(reviews.c.review_id).where(reviews.c.gate_id == kept.gate_id)).all())
    newest = select(questions.c.event_id).where(questions.c.gate_id == kept.gate_id)
    review = Review(
        record_id(tenant, kept.gate_id, str(earlier + 1), "review"),
        kept.gate_id,
        kept.gate.application_id,
        kept.gate.step,
        connection.execute(newest.where(questions.c.attempt == kept.gate.attempt)).scalar_one_or_none(),
        wanted.n_people,
        now_ms,
        wanted.due_ms,
        None,
        None,
    )
    connection.execute(insert(reviews), review._asdict())


def leave(connection: Connection, gate_id: str, outcome: str, now_ms: int) -> None:
    """Take a gate out of the queue, and remember what took it out."""
    entry = update(reviews).where(reviews.c.gate_id == gate_id, reviews.c.closed_ms.is_(None))
    connection.execute(entry.values(closed_ms=now_ms, outcome=outcome))


def review(connection: Connection, review_id: str) -> Review:
    """Return an entry; raise `Unknown` if there is none."""
    row = connection.execute(select(reviews).where(reviews.c.review_id == review_id)).one_or_none()
    if row is None:
        raise Unknown(f"there is no review {review_id!r}")
    return Review(**row._mapping)


def entries(connection: Connection, *, open_only: bool, most: int) -> list[Review]:
    """Return the entries, the most urgent first."""
    query = select(reviews).order_by(reviews.c.due_ms, reviews.c.review_id).limit(most)
    if open_only:
        query = query.where(reviews.c.closed_ms.is_(None))
    return [Review(**row._mapping) for row in connection.execute(query)]


def votes_on(connection: Connection, review_id: str) -> list[Vote]:
    """Return what was said about an entry, in its order."""
    columns = (votes.c.operator, votes.c.role, votes.c.decision, votes.c.note, votes.c.at_ms)
    query = select(*columns).where(votes.c.review_id == review_id).order_by(votes.c.at_ms, votes.c.operator)
    return [Vote(*row) for row in connection.execute(query)]


def cast(connection: Connection, entry: Review, vote: Vote) -> Lifted | Upheld | None:
    """Write down what a person says, and return the decision that it makes, if it makes one.

    One person keeps it shut. To let it go on takes as many as the entry says; where that is two, they are two
    different people, and one of them is an approver.

    Raises
    ------
    Closed
        It is decided already, or this person has had a say.
    """
    if entry.closed_ms is not None:
        raise Closed("this review is closed")
    said = votes_on(connection, entry.review_id)
    if any(earlier.operator == vote.operator for earlier in said):
        raise Closed(f"{vote.operator} has had a say already: it takes another person")
    connection.execute(insert(votes), {"review_id": entry.review_id, **vote._asdict()})
    if vote.decision == "block":
        return Upheld((vote.operator,), vote.note)
    return _lifted([*said, vote], entry.n_people)


def _lifted(said: Sequence[Vote], n_people: int) -> Lifted | None:
    in_favour = [vote for vote in said if vote.decision == "allow"]
    approved = n_people == 1 or any(vote.role == "approver" for vote in in_favour)
    if len(in_favour) < n_people or not approved:
        return None
    operators = tuple(vote.operator for vote in in_favour)
    return Lifted(operators[-4:], in_favour[-1].note)
