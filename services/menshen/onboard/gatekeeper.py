"""What may be asked of the workflow: to open an application, to go on, to draw; and to wake what is overdue."""

from decimal import Decimal

from sqlalchemy import Connection

from menshen.contract.events import Step
from menshen.loan.gate import Advanced, Appealed, BuiltUpon, Gate, RetryDue, TimeUp
from menshen.loan.line import Draw, check_draw
from menshen.loan.path import STEPS, TRANSFER
from menshen.onboard.acting import Actor
from menshen.onboard.sql.store import Application, Kept, Unknown


class Contradiction(Exception):
    """What is asked for contradicts what is there already. Nothing was changed; the message says what stands."""


class MayNotApply(Contradiction):
    """The customer was refused and has to wait; `until_ms` says how long."""

    def __init__(self, until_ms: int) -> None:
        super().__init__("the customer was refused this product, and the waiting time runs")
        self.until_ms = until_ms


class NotYet(Contradiction):
    """The step before is not open."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(f"{gate.step} comes first, and is {gate.state}")
        self.gate = gate


class Gatekeeper:
    """The workflow on the database. Each method works within the transaction of its connection, and tells no one else.

    `loan.workflow.NotNow` says that the gate's state has no place for what is asked.
    """

    def __init__(self, actor: Actor) -> None:
        self._actor, self._store, self._policy = actor, actor.store, actor.policy

    def open_application(
        self, connection: Connection, application_id: str, subject_id: str, product_id: str, *, now_ms: int
    ) -> Application:
        """Open an application, with all its steps waiting; return it, or the same one that is open already.

        Raises
        ------
        MayNotApply
            The customer was refused this product, and the waiting time runs.
        Contradiction
            Another application for the product is under way, or the id is another customer's.
        """
        for earlier in self._store.applications_of(connection, subject_id):
            if earlier.product_id == product_id:
                if earlier.application_id == application_id:
                    return earlier
                _refuse_second(earlier, now_ms)
        try:
            self._store.application(connection, application_id)
        except Unknown:
            fresh = Application(
                application_id=application_id, subject_id=subject_id, product_id=product_id, opened_ms=now_ms
            )
            self._store.add_application(connection, fresh)
            for step in STEPS[:-1]:
                gate_id = self._store.gate_id(application_id, step, None)
                gate = Gate(application_id=application_id, step=step)
                self._store.add_gate(connection, Kept(gate_id, gate, subject_id, now_ms))
            return fresh
        raise Contradiction(f"application {application_id!r} is about someone or something else")

    def advance(self, connection: Connection, application_id: str, step: Step, fact: Advanced, *, now_ms: int) -> Kept:
        """Let the customer go on to a step, once the one before it is open; what was open then has taken effect.

        Where the one before is open only provisionally, it is asked about again instead, and is what is returned.
        """
        self._store.application(connection, application_id)
        if at := STEPS.index(step):
            before = self._step(connection, application_id, STEPS[at - 1])
            if before.gate.state == "provisional":
                return self._actor.act(connection, before, RetryDue(), now_ms=now_ms)
            self._build_upon(connection, before, now_ms)
        return self._actor.act(connection, self._step(connection, application_id, step), fact, now_ms=now_ms)

    def draw(self, connection: Connection, application_id: str, draw: Gate, fact: Advanced, *, now_ms: int) -> Kept:
        """Open a draw out of the line and ask about it; the same draw again is its next attempt.

        Raises
        ------
        Contradiction
            The draw is there with another payee or amount: it keeps what it was opened with.
        loan.line.DoesNotFit
            It is beyond the limit, or beyond what a day allows.
        """
        application = self._store.application(connection, application_id)
        kept = self._draw(connection, draw)
        if kept is None:
            self._build_upon(connection, self._step(connection, application_id, STEPS[-2]), now_ms)
            gate_id = self._store.gate_id(application_id, TRANSFER, draw.draw_id)
            kept = Kept(gate_id, draw, application.subject_id, now_ms)
            self._store.add_gate(connection, kept)
        if (kept.gate.payee_ref, kept.gate.amount, kept.gate.currency) != (draw.payee_ref, draw.amount, draw.currency):
            raise Contradiction(f"draw {draw.draw_id!r} is about another payee or amount: open another draw")
        if kept.gate.state == "waiting":
            self._check_fit(connection, kept, now_ms)
        return self._actor.act(connection, kept, fact, now_ms=now_ms)

    def appeal(
        self, connection: Connection, application_id: str, step: Step, draw_id: str | None = None, *, now_ms: int
    ) -> Kept:
        """Have people look at a refusal again; `loan.line.DoesNotFit` if the line has gone to other draws meanwhile."""
        kept = self._store.gate(connection, self._store.gate_id(application_id, step, draw_id))
        if kept.gate.is_transfer and kept.gate.state == "refused":
            self._check_fit(connection, kept, now_ms)
        return self._actor.act(connection, kept, Appealed(), now_ms=now_ms)

    def _draw(self, connection: Connection, draw: Gate) -> Kept | None:
        try:
            return self._store.gate(connection, self._store.gate_id(draw.application_id, TRANSFER, draw.draw_id))
        except Unknown:
            return None

    def _check_fit(self, connection: Connection, kept: Kept, now_ms: int) -> None:
        """Hold a draw that takes up nothing yet against the line: others may have taken it while it waited."""
        gates = self._store.gates_of(connection, kept.gate.application_id)
        others = [
            Draw(other.gate, other.opened_ms)
            for other in gates
            if other.gate.is_transfer and other.gate_id != kept.gate_id
        ]
        limit = self._step(connection, kept.gate.application_id, STEPS[-2]).gate.amount or Decimal(0)
        check_draw(kept.gate.amount or Decimal(0), limit, others, now_ms, self._policy)

    def _step(self, connection: Connection, application_id: str, step: Step) -> Kept:
        return self._store.gate(connection, self._store.gate_id(application_id, step, None))

    def _build_upon(self, connection: Connection, before: Kept, now_ms: int) -> Kept:
        """Let a step's gate carry the next one, and return it; raise `NotYet` if it is not open."""
        if before.gate.state == "open":
            return self._actor.act(connection, before, BuiltUpon(), now_ms=now_ms)
        if before.gate.state != "done":
            raise NotYet(before.gate)
        return before

    def wake(self, connection: Connection, now_ms: int, most: int = 100) -> int:
        """Tell every gate whose time is up; return how many there were."""
        due = self._store.due(connection, now_ms, most)
        for kept in due:
            up = kept.gate.due_ms is not None and kept.gate.due_ms <= now_ms
            self._actor.act(connection, kept, TimeUp() if up else RetryDue(), now_ms=now_ms)
        return len(due)


def _refuse_second(earlier: Application, now_ms: int) -> None:
    if earlier.refused_until_ms is None:
        raise Contradiction(f"application {earlier.application_id!r} for this product is under way")
    if now_ms < earlier.refused_until_ms:
        raise MayNotApply(earlier.refused_until_ms)
