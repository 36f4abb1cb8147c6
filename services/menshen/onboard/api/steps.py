"""Operations by which the customer goes on: the steps, the draws, and the answers to challenges."""

import asyncio
from decimal import Decimal
from functools import partial
from typing import Annotated, Any

from fastapi import Query, Response
from sqlalchemy import Connection, select

from menshen.contract.events import Step
from menshen.loan.gate import Advanced, Fact, Gate, ProofFailed, Proved, Repaid, Visit
from menshen.loan.line import DoesNotFit
from menshen.loan.path import TRANSFER
from menshen.loan.policy import LoanPolicy
from menshen.onboard import ports
from menshen.onboard.api.asked import (
    Agreement,
    Answer,
    ApplicationId,
    ChallengeId,
    DrawId,
    Eligibility,
    LimitActivation,
    NewDraw,
    Wait,
)
from menshen.onboard.api.door import ROUTES, At, Here
from menshen.onboard.api.once import Deed, Key, once
from menshen.onboard.api.told import Answered, GateTold
from menshen.onboard.api.view import View
from menshen.onboard.desk import clock_ms
from menshen.onboard.sql.store import Unknown
from menshen.onboard.sql.tables import challenges

POLL_S = 0.025
Patience = Annotated[Wait, Query()]


@ROUTES.post("/applications/{application_id}/steps/eligibility", status_code=202, response_model=GateTold)
async def ask_eligibility(
    here: At, application_id: ApplicationId, key: Key, wanted: Eligibility, wait: Patience
) -> Response:
    """Ask whether this customer may see the product's entry."""
    return await _until_answered(here, key, wanted, wait, _advance(here, application_id, "eligibility", wanted))


@ROUTES.post("/applications/{application_id}/steps/agreement", status_code=202, response_model=GateTold)
async def sign_agreement(
    here: At, application_id: ApplicationId, key: Key, wanted: Agreement, wait: Patience
) -> Response:
    """Sign: by default the face is checked first. Eligibility that was open has taken effect then."""
    return await _until_answered(here, key, wanted, wait, _advance(here, application_id, "agreement", wanted))


@ROUTES.post("/applications/{application_id}/steps/limit_activation", status_code=202, response_model=GateTold)
async def activate_limit(
    here: At, application_id: ApplicationId, key: Key, wanted: LimitActivation, wait: Patience
) -> Response:
    """Make a limit usable: by default after a one-time code and a face check."""
    return await _until_answered(here, key, wanted, wait, _advance(here, application_id, "limit_activation", wanted))


@ROUTES.post("/applications/{application_id}/draws", status_code=202, response_model=GateTold)
async def ask_for_draw(here: At, application_id: ApplicationId, key: Key, wanted: NewDraw, wait: Patience) -> Response:
    """Ask for a payment out of the open line; the same draw again is its next attempt."""
    amount = _amount(wanted, here.desk.policy)
    draw = Gate(
        application_id=application_id,
        step=TRANSFER,
        draw_id=wanted.draw_id,
        payee_ref=wanted.payee_ref,
        amount=amount,
        currency=wanted.currency,
    )

    def work(connection: Connection, now_ms: int) -> tuple[int, GateTold]:
        fact = Advanced(_visit(wanted), amount=amount, currency=wanted.currency)
        kept = here.desk.gatekeeper.draw(connection, application_id, draw, fact, now_ms=now_ms)
        return 202, View(connection, here.desk, here.caller, now_ms).gate(kept)

    return await _until_answered(here, key, wanted, wait, work)


@ROUTES.post("/applications/{application_id}/draws/{draw_id}/repayment", response_model=GateTold)
async def repay_draw(here: At, application_id: ApplicationId, draw_id: DrawId, key: Key) -> Response:
    """Say that the customer has paid a draw back: the line is free for as much again."""

    def work(connection: Connection, now_ms: int) -> tuple[int, GateTold]:
        kept = here.desk.store.gate(connection, here.desk.store.gate_id(application_id, TRANSFER, draw_id))
        kept = here.desk.actor.act(connection, kept, Repaid(), now_ms=now_ms)
        return 200, View(connection, here.desk, here.caller, now_ms).gate(kept)

    return (await once(here, key, None, work)).response()


@ROUTES.post("/challenges/{challenge_id}/answers")
async def answer_challenge(here: At, challenge_id: ChallengeId, wanted: Answer) -> Answered:
    """Answer a challenge. Sending it again may cost a try; once the challenge has ended, it tells how."""
    method = (await here.desk.read(lambda connection: _challenge(connection, challenge_id))).method
    service = here.outside.face if method == "face" else here.outside.otp
    judged = await service.answer(challenge_id, wanted.answer)
    gate = await here.desk.run(lambda connection: _take(here, connection, challenge_id, judged))
    return Answered(outcome=judged.outcome, remaining=judged.remaining, gate=gate)


def _take(here: Here, connection: Connection, challenge_id: str, judged: ports.Answered) -> GateTold:
    """Tell the gate how its newest challenge ended; an earlier one is of no account any more."""
    now_ms, asked = clock_ms(), _challenge(connection, challenge_id)
    kept = here.desk.store.gate(connection, asked.gate_id)
    fact = _proof(judged)
    if fact and kept.gate.state == "proving" and asked.number == kept.gate.n_challenges:
        kept = here.desk.actor.act(connection, kept, fact, now_ms=now_ms)
    return View(connection, here.desk, here.caller, now_ms).gate(kept)


def _proof(judged: ports.Answered) -> Fact | None:
    if judged.outcome == "passed":
        return Proved()
    return None if judged.remaining else ProofFailed()


def _challenge(connection: Connection, challenge_id: str) -> Any:
    row = connection.execute(select(challenges).where(challenges.c.challenge_id == challenge_id)).one_or_none()
    if row is None:
        raise Unknown(f"there is no challenge {challenge_id!r}")
    return row


def _advance(here: Here, application_id: str, step: Step, wanted: Eligibility) -> Deed:
    fact = Advanced(_visit(wanted))
    if isinstance(wanted, Agreement):
        fact = Advanced(fact.visit, signature_sha256=wanted.signature_sha256)
    if isinstance(wanted, LimitActivation):
        fact = Advanced(fact.visit, amount=_amount(wanted, here.desk.policy), currency=wanted.currency)

    def work(connection: Connection, now_ms: int) -> tuple[int, GateTold]:
        kept = here.desk.gatekeeper.advance(connection, application_id, step, fact, now_ms=now_ms)
        return 202, View(connection, here.desk, here.caller, now_ms).gate(kept)

    return work


def _visit(wanted: Eligibility) -> Visit:
    return Visit(wanted.session_id, wanted.device_id, wanted.assurance)


def _amount(wanted: LimitActivation, policy: LoanPolicy) -> Decimal:
    amount = Decimal(wanted.amount)
    if wanted.currency != policy.currency or amount > Decimal(policy.ceiling):
        raise DoesNotFit(f"{amount} {wanted.currency}: the policy allows {policy.ceiling} {policy.currency} at most")
    return amount


async def _until_answered(here: Here, key: str, wanted: Eligibility, wait: Wait, deed: Deed) -> Response:
    """Do a deed once, and answer when the verdict has come or the caller's patience is at its end."""
    reply = await once(here, key, wanted, deed)
    told = GateTold.model_validate_json(reply.body)
    clock = asyncio.get_running_loop().time
    until_s = clock() + wait.wait_ms / 1000
    while told.state == "asked" and clock() < until_s:
        await asyncio.sleep(POLL_S)
        told = await here.desk.read(partial(_look, here, told))
        reply = reply._replace(body=told.model_dump_json().encode())
    return reply.response()


def _look(here: Here, told: GateTold, connection: Connection) -> GateTold:
    gate_id = here.desk.store.gate_id(told.application_id, told.step, told.draw_id)
    kept = here.desk.store.gate(connection, gate_id)
    return View(connection, here.desk, here.caller, clock_ms()).gate(kept)
