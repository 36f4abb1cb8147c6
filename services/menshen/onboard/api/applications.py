"""Operations on an application as a whole."""

from typing import Annotated

from fastapi import Query, Response
from sqlalchemy import Connection

from menshen.loan.gate import Declined
from menshen.loan.path import TRANSFER
from menshen.onboard.api.asked import Appeal, ApplicationId, DrawAppeal, NewApplication, Page, Refusal
from menshen.onboard.api.door import ROUTES, At, Here
from menshen.onboard.api.once import Key, once
from menshen.onboard.api.told import ApplicationTold, GateTold, History
from menshen.onboard.api.view import View
from menshen.onboard.desk import clock_ms
from menshen.onboard.gatekeeper import Contradiction
from menshen.onboard.sql.store import Kept, Unknown

PASSED = ("open", "provisional", "done")
"""The states in which a step lets the customer go on to the next."""


@ROUTES.post("/applications", status_code=201, response_model=ApplicationTold)
async def open_application(here: At, key: Key, wanted: NewApplication) -> Response:
    """Open an application: 201 with all its steps waiting; 200 if the same one is open already."""

    def work(connection: Connection, now_ms: int) -> tuple[int, ApplicationTold]:
        try:
            here.desk.store.application(connection, wanted.application_id)
            status = 200
        except Unknown:
            status = 201
        names = (wanted.application_id, wanted.subject_id, wanted.product_id)
        opened = here.desk.gatekeeper.open_application(connection, *names, now_ms=now_ms)
        return status, View(connection, here.desk, here.caller, now_ms).application(opened)

    return (await once(here, key, wanted, work)).response()


@ROUTES.get("/applications/{application_id}")
async def read_application(here: At, application_id: ApplicationId) -> ApplicationTold:
    """Read an application: each step and draw with its state, what it waits for, and why."""

    def work(connection: Connection) -> ApplicationTold:
        application = here.desk.store.application(connection, application_id)
        return View(connection, here.desk, here.caller, clock_ms()).application(application)

    return await here.desk.read(work)


@ROUTES.get("/applications/{application_id}/history")
async def read_history(here: At, application_id: ApplicationId, page: Annotated[Page, Query()]) -> History:
    """Read what happened to an application, in order."""

    def work(connection: Connection) -> History:
        view = View(connection, here.desk, here.caller, clock_ms())
        return view.history(application_id, page.after, page.limit)

    return await here.desk.read(work)


@ROUTES.post("/applications/{application_id}/refusal", response_model=GateTold)
async def refuse_application(here: At, application_id: ApplicationId, key: Key, wanted: Refusal) -> Response:
    """Decline the step at which the customer stands, for the lender's own reason; it has to be waiting."""

    def work(connection: Connection, now_ms: int) -> tuple[int, GateTold]:
        kept = here.desk.actor.act(
            connection, _standing_at(here, connection, application_id), Declined(wanted.kind), now_ms=now_ms
        )
        return 200, View(connection, here.desk, here.caller, now_ms).gate(kept)

    return (await once(here, key, wanted, work)).response()


@ROUTES.post("/applications/{application_id}/appeal", status_code=202, response_model=GateTold)
async def appeal(here: At, application_id: ApplicationId, key: Key, wanted: Appeal) -> Response:
    """Ask, for the customer, that two people look at a refusal again."""

    def work(connection: Connection, now_ms: int) -> tuple[int, GateTold]:
        kept = _refused_gate(here, connection, application_id, wanted)
        kept = here.desk.gatekeeper.appeal(connection, application_id, kept.gate.step, kept.gate.draw_id, now_ms=now_ms)
        return 202, View(connection, here.desk, here.caller, now_ms).gate(kept)

    return (await once(here, key, wanted, work)).response()


def _refused_gate(here: Here, connection: Connection, application_id: str, wanted: Appeal) -> Kept:
    here.desk.store.application(connection, application_id)
    draw_id = wanted.draw_id if isinstance(wanted, DrawAppeal) else None
    try:
        return here.desk.store.gate(connection, here.desk.store.gate_id(application_id, wanted.step, draw_id))
    except Unknown:  # the path leads somewhere: it is the body that does not fit
        raise Contradiction(f"there is no draw {draw_id!r} to appeal for") from None


def _standing_at(here: Here, connection: Connection, application_id: str) -> Kept:
    here.desk.store.application(connection, application_id)
    for kept in here.desk.store.gates_of(connection, application_id):
        if kept.gate.state not in PASSED and kept.gate.step != TRANSFER:
            return kept
    raise Contradiction("every step has been passed: there is nothing left to decline")
