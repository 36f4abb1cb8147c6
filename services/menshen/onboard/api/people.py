"""Operations for the lender's people: the queue, their say, and the alerts."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from fastapi import Query, Response
from sqlalchemy import Connection, select

from menshen.contract.decoding import decode_event
from menshen.contract.events import Checkpoint
from menshen.onboard.api import told
from menshen.onboard.api.asked import Page, ReviewId, Vote, Which
from menshen.onboard.api.door import ROUTES, At
from menshen.onboard.api.once import Key, once
from menshen.onboard.api.told import Alerts, AlertTold, Entries, Entry, Question, VoteTold
from menshen.onboard.api.view import View
from menshen.onboard.desk import clock_ms
from menshen.onboard.sql import queue
from menshen.onboard.sql.tables import alerts, gates, questions


@ROUTES.get("/reviews")
async def list_reviews(here: At, which: Annotated[Which, Query()]) -> Entries:
    """List the queue, the most urgent first."""

    def work(connection: Connection) -> Entries:
        found = queue.entries(connection, open_only=which.open, most=which.limit)
        return Entries(reviews=[Entry(**_entry(review)) for review in found])

    return await here.desk.read(work)


@ROUTES.get("/reviews/{review_id}")
async def read_review(here: At, review_id: ReviewId) -> told.Review:
    """Read an entry: what was asked, what was answered and why, and what was said so far."""
    return await here.desk.read(lambda c: _review(View(c, here.desk, here.caller, clock_ms()), review_id))


@ROUTES.post("/reviews/{review_id}/votes", response_model=told.Review)
async def vote(here: At, review_id: ReviewId, key: Key, wanted: Vote) -> Response:
    """Say whether it may go on; the key's name is who says so. One person keeps it shut."""

    def work(connection: Connection, now_ms: int) -> tuple[int, told.Review]:
        entry = queue.review(connection, review_id)
        said = queue.Vote(here.caller.name, here.caller.role, wanted.decision, wanted.note, now_ms)
        decided = queue.cast(connection, entry, said)
        if decided is not None:
            kept = here.desk.store.gate(connection, entry.gate_id)
            here.desk.actor.act(connection, kept, decided, now_ms=now_ms)
        return 200, _review(View(connection, here.desk, here.caller, now_ms), review_id)

    return (await once(here, key, wanted, work)).response()


@ROUTES.get("/alerts")
async def list_alerts(here: At, page: Annotated[Page, Query()]) -> Alerts:
    """List what no rule can mend, in order."""

    def work(connection: Connection) -> Alerts:
        columns = (alerts.c.number, alerts.c.code, alerts.c.application_id, alerts.c.at_ms)
        query = select(*columns, gates.c.step, gates.c.draw_id).join_from(alerts, gates)
        query = query.where(alerts.c.number > page.after).order_by(alerts.c.number).limit(page.limit)
        found = [AlertTold(**row) for row in connection.execute(query).mappings()]
        return Alerts(alerts=found, next_after=found[-1].number if len(found) == page.limit else None)

    return await here.desk.read(work)


def _entry(review: queue.Review) -> Mapping[str, Any]:
    return {name: value for name, value in review._asdict().items() if name in Entry.model_fields}


def _review(view: View, review_id: str) -> told.Review:
    entry = queue.review(view.connection, review_id)
    return told.Review(
        **_entry(entry),
        question=_question(view.connection, entry.event_id) if entry.event_id else None,
        verdict=view.verdict(view.verdict_on(entry.event_id)) if entry.event_id else None,
        votes=[VoteTold(**said._asdict()) for said in queue.votes_on(view.connection, review_id)],
        gate=view.gate(view.desk.store.gate(view.connection, entry.gate_id)),
    )


def _question(connection: Connection, event_id: str) -> Question:
    row = connection.execute(select(questions).where(questions.c.event_id == event_id)).one()
    asked = decode_event(row.body)
    assert isinstance(asked, Checkpoint), "only checkpoints are written as questions"
    known = {name: getattr(asked, name) for name in Question.model_fields.keys() & set(asked.__struct_fields__)}
    exposure = msgspec.to_builtins(asked.exposure) if asked.exposure else None
    return Question(**known | {"asked_ms": row.asked_ms, "exposure": exposure})
