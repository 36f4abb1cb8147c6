"""One fact at one gate: its new state, its history and all that has to leave, in the caller's one transaction."""

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, insert

from menshen.contract.decoding import encode_event
from menshen.contract.events import ChallengeMethod, Event
from menshen.contract.identifiers import record_id
from menshen.contract.onboarding import Onboarding
from menshen.loan.commands import (
    Alert,
    Ask,
    Challenge,
    Command,
    Pardon,
    Pay,
    Queue,
    Refuse,
    TellDecision,
    TellProof,
    Unqueue,
)
from menshen.loan.gate import Answered, Executed, Fact
from menshen.loan.policy import LoanPolicy, RefusalKind
from menshen.loan.workflow import follow
from menshen.onboard.events import Writer
from menshen.onboard.sql import outbox, queue
from menshen.onboard.sql.exposure import exposure_of
from menshen.onboard.sql.store import Application, Kept, Store
from menshen.onboard.sql.tables import alerts, challenges, history, questions
from menshen.shell import metrics
from menshen.shell.logs import logger

log = logger(__name__)


class ChallengeOrder(msgspec.Struct, frozen=True):
    """What the service of challenges is told."""

    challenge_id: str
    method: ChallengeMethod
    subject_id: str
    device_id: str


class Actor:
    """Follows the workflow's table and writes down what comes of it."""

    def __init__(self, tenant: str, policy: LoanPolicy) -> None:
        self.tenant, self.policy, self.store = tenant, policy, Store(tenant)

    def act(self, connection: Connection, kept: Kept, fact: Fact, *, now_ms: int) -> Kept:
        """Apply a fact to a gate and return it as it is now; `loan.workflow.NotNow` if it has no place there."""
        outcome = follow(kept.gate, fact, now_ms, self.policy)
        paid_ms = now_ms if isinstance(fact, Executed) else kept.paid_ms
        changed = kept._replace(gate=outcome.gate, paid_ms=paid_ms)
        application = self.store.application(connection, kept.gate.application_id)
        deed = _Deed(self, connection, application, changed, now_ms)
        for command in outcome.commands:
            deed.do(command, fact)
        deed.note(kept, fact)
        self.store.save_gate(connection, changed)
        self.store.save_application(connection, deed.application)
        metrics.TRANSITIONS.labels(outcome.gate.step, outcome.gate.state).inc()
        return changed


class _Deed:
    """All that one change of a gate brings with it."""

    def __init__(self, actor: Actor, connection: Connection, application: Application, kept: Kept, now_ms: int) -> None:
        self._tenant, self._connection, self._now_ms = actor.tenant, connection, now_ms
        self._kept = kept
        self._until_ms: int | None = None
        self.application = application

    def do(self, command: Command, fact: Fact) -> None:
        """Write down one command."""
        gate_id, gate = self._kept.gate_id, self._kept.gate
        match command:
            case Ask():
                self._ask()
            case Challenge():
                self._challenge(command)
            case TellProof():
                self._tell(self._writer().proof(command))
            case TellDecision():
                self._tell(self._writer().override(command))
            case Queue():
                queue.enter(self._connection, self._tenant, self._kept, command, self._now_ms)
            case Unqueue():
                queue.leave(self._connection, gate_id, type(fact).__name__, self._now_ms)
            case Pay():
                self._put("payment", gate.application_id, b"{}")
            case Refuse():
                self._refused(command.kind, command.until_ms)
            case Pardon():
                self._refused(None, None)
            case Alert():
                self._alert(command)

    def note(self, was: Kept, fact: Fact) -> None:
        """Add the change to the history, and tell the world."""
        gate, number = self._kept.gate, self.application.n_changes + 1
        self.application = replace(self.application, n_changes=number)
        record = Onboarding(
            record_id=record_id(self._tenant, gate.application_id, str(number), "onboarding"),
            number=number,
            application_id=gate.application_id,
            subject_id=self.application.subject_id,
            product_id=self.application.product_id,
            step=gate.step,
            fact=type(fact).__name__,
            state=gate.state,
            was=was.gate.state,
            attempt=gate.attempt,
            at_ms=self._now_ms,
            draw_id=gate.draw_id,
            amount=None if gate.amount is None else f"{gate.amount:.2f}",
            currency=gate.currency,
            verdict_id=fact.verdict_id if isinstance(fact, Answered) else None,
            refused_until_ms=self._until_ms,
        )
        body = msgspec.json.encode(record)
        row = {"application_id": gate.application_id, "number": number, "gate_id": self._kept.gate_id}
        self._connection.execute(insert(history), row | {"at_ms": self._now_ms, "body": body})
        self._put("onboarding", gate.application_id, body)

    def _writer(self) -> Writer:
        return Writer(self._tenant, self.application, self._kept.gate, self._now_ms)

    def _ask(self) -> None:
        asked = self._writer().checkpoint(exposure_of(self._connection, self._kept, self._now_ms))
        row = {"event_id": asked.event_id, "gate_id": self._kept.gate_id, "attempt": asked.attempt}
        body = encode_event(asked)
        self._connection.execute(insert(questions), row | {"asked_ms": self._now_ms, "body": body})
        self._tell(asked)

    def _challenge(self, command: Challenge) -> None:
        issued = self._writer().challenge_issued(command.method)
        challenge_id = record_id(self._tenant, self._kept.gate_id, str(command.number), "challenge")
        row = {"challenge_id": challenge_id, "gate_id": self._kept.gate_id, "number": command.number}
        self._connection.execute(insert(challenges), row | {"method": command.method, "issued_ms": self._now_ms})
        order = ChallengeOrder(challenge_id, command.method, issued.subject_id, issued.device_id or "")
        self._put("challenge", challenge_id, msgspec.json.encode(order))
        self._tell(issued)

    def _tell(self, event: Event) -> None:
        self.application = replace(self.application, n_events=self.application.n_events + 1)
        self._put("event", event.subject_id, encode_event(event))

    def _put(self, kind: outbox.Kind, key: str, body: bytes) -> None:
        outbox.put(self._connection, kind, self._kept.gate_id, key, body, now_ms=self._now_ms)

    def _refused(self, kind: RefusalKind | None, until_ms: int | None) -> None:
        self._until_ms = until_ms or 0
        self.application = replace(self.application, refusal=kind, refused_until_ms=until_ms)

    def _alert(self, command: Alert) -> None:
        gate = self._kept.gate
        row = {"gate_id": self._kept.gate_id, "application_id": gate.application_id, "code": command.code}
        self._connection.execute(insert(alerts), row | {"at_ms": self._now_ms})
        metrics.ALERTS.labels(command.code).inc()
        log.error("alert", code=command.code, application_id=gate.application_id, step=gate.step, draw_id=gate.draw_id)
