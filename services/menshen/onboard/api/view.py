"""From what the database holds to what one caller may see of it."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from msgspec.structs import asdict
from sqlalchemy import ColumnElement, Connection, select

from menshen.contract.onboarding import Onboarding, State
from menshen.contract.verdict import Verdict
from menshen.fraud.reasons import REASONS, Text
from menshen.loan.gate import attempts_left
from menshen.loan.path import MEANING
from menshen.onboard.api.keys import Caller
from menshen.onboard.api.told import (
    ApplicationTold,
    Awaited,
    Change,
    GateTold,
    History,
    Message,
    ReasonTold,
    RefusalTold,
    VerdictTold,
    Waits,
)
from menshen.onboard.desk import Desk
from menshen.onboard.inbox import Fate
from menshen.onboard.sql.store import Application, Kept
from menshen.onboard.sql.tables import challenges, history, inbox, questions

_VERDICT = msgspec.json.Decoder(Verdict)
_CHANGE = msgspec.json.Decoder(Onboarding)
WAITS_FOR: dict[State, Waits] = {
    "waiting": "customer",
    "proving": "challenge",
    "asked": "verdict",
    "provisional": "verdict",
    "parked": "verdict",
    "review": "people",
    "appeal": "people",
    "sending": "bank",
}


class View(NamedTuple):
    """What one caller may see, at one moment, within one transaction."""

    connection: Connection
    desk: Desk
    caller: Caller
    now_ms: int

    def application(self, application: Application) -> ApplicationTold:
        """Return an application with all its gates."""
        kept = self.desk.store.gates_of(self.connection, application.application_id)
        until_ms = application.refused_until_ms
        return ApplicationTold(
            application_id=application.application_id,
            subject_id=application.subject_id,
            product_id=application.product_id,
            opened_ms=application.opened_ms,
            refusal=RefusalTold(kind=application.refusal, until_ms=until_ms or 0) if application.refusal else None,
            steps=[self.gate(one) for one in kept if not one.gate.is_transfer],
            draws=[self.gate(one) for one in kept if one.gate.is_transfer],
        )

    def gate(self, kept: Kept) -> GateTold:
        """Return a step or a draw."""
        gate, verdict = kept.gate, self._newest_verdict(kept) if kept.gate.attempt else None
        return GateTold(
            application_id=gate.application_id,
            step=gate.step,
            draw_id=gate.draw_id,
            payee_ref=gate.payee_ref,
            amount=None if gate.amount is None else f"{gate.amount:.2f}",
            currency=gate.currency,
            state=gate.state,
            meaning=MEANING[gate.state],
            attempt=gate.attempt,
            attempts_left=attempts_left(gate, self.now_ms, self.desk.policy.attempts_a_day),
            awaits=self._awaited(kept),
            messages=messages(verdict),
            verdict=self.verdict(verdict),
        )

    def history(self, application_id: str, after: int, limit: int) -> History:
        """Return a part of what happened to an application."""
        self.desk.store.application(self.connection, application_id)
        part = (history.c.application_id == application_id) & (history.c.number > after)
        query = select(history.c.body).where(part).order_by(history.c.number).limit(limit)
        changes = [self._change(_CHANGE.decode(body)) for body in self.connection.execute(query).scalars()]
        return History(changes=changes, next_after=changes[-1].number if len(changes) == limit else None)

    def verdict(self, verdict: Verdict | None) -> VerdictTold | None:
        """Return a verdict, for the lender's people alone."""
        if verdict is None or self.caller.role == "service":
            return None
        told = msgspec.to_builtins(verdict)
        fields = {name: told.get(name, getattr(verdict, name)) for name in VerdictTold.model_fields}
        reasons = [ReasonTold(code=r.code, points=r.points, evidence=r.evidence) for r in verdict.reasons]
        return VerdictTold.model_validate(fields | {"reasons": reasons, "missing": list(verdict.missing)})

    def verdict_on(self, event_id: str) -> Verdict | None:
        """Return the verdict that answered a question and counted."""
        return self._heeded(inbox.c.event_id == event_id)

    def _change(self, change: Onboarding) -> Change:
        known = {name: value for name, value in asdict(change).items() if name in Change.model_fields}
        verdict = self._heeded(inbox.c.verdict_id == change.verdict_id) if change.verdict_id else None
        return Change(**known, verdict=self.verdict(verdict))

    def _newest_verdict(self, kept: Kept) -> Verdict | None:
        """Return what was answered last, or what took that back."""
        newest = self._heeded(questions.c.gate_id == kept.gate_id)
        if newest is None:
            return None
        taken_back = (inbox.c.revokes == newest.verdict_id) & (inbox.c.fate == Fate.REVOKES)
        value = self.connection.execute(select(inbox.c.value).where(taken_back)).scalars().first()
        return newest if value is None else _VERDICT.decode(value)

    def _heeded(self, which: ColumnElement[bool]) -> Verdict | None:
        query = select(inbox.c.value).join(questions, questions.c.event_id == inbox.c.event_id)
        query = query.where(which, inbox.c.fate == Fate.HEEDED).order_by(questions.c.attempt.desc()).limit(1)
        value = self.connection.execute(query).scalar_one_or_none()
        return None if value is None else _VERDICT.decode(value)

    def _awaited(self, kept: Kept) -> Awaited | None:
        gate = kept.gate
        what = "bank" if gate.is_transfer and gate.state == "open" else WAITS_FOR.get(gate.state)
        if what is None:
            return None
        until_ms = gate.expires_ms if gate.state == "open" else gate.due_ms or gate.retry_ms
        if what != "challenge":
            return Awaited(what=what, until_ms=until_ms)
        newest = (challenges.c.gate_id == kept.gate_id) & (challenges.c.number == gate.n_challenges)
        challenge_id = self.connection.execute(select(challenges.c.challenge_id).where(newest)).scalar_one()
        return Awaited(what=what, until_ms=until_ms, challenge_id=challenge_id, method=gate.proof)


def messages(verdict: Verdict | None) -> list[Message]:
    """Return what a customer is told about a verdict, each sentence once; nothing about an allow."""
    if verdict is None or (verdict.decision == "allow" and verdict.kind == "gate"):
        return []
    texts = dict.fromkeys(_customer_texts(reason.code for reason in verdict.reasons))
    return [Message(zh=text.zh, en=text.en) for text in texts]


def _customer_texts(codes: Iterable[str]) -> Iterable[Text]:
    return (REASONS[code].customer for code in codes if code in REASONS)
