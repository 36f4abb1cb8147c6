"""The events that the workflow publishes, as any producer would: questions, proofs, and what people decided."""

from typing import Any, NamedTuple

from menshen.contract.events import Challenge, ChallengeMethod, Checkpoint, Exposure, Override
from menshen.contract.identifiers import record_id
from menshen.loan.commands import TellDecision, TellProof
from menshen.loan.gate import Gate
from menshen.onboard.sql.store import Application


class Writer(NamedTuple):
    """Writes about one gate at one moment; `seq` counts the application's events."""

    tenant: str
    application: Application
    gate: Gate
    now_ms: int

    def _envelope(self, about: str) -> dict[str, Any]:
        visit = self.gate.visit
        assert visit is not None, "whoever is asked about has come first"
        where = f"{self.gate.step}:{self.gate.draw_id or ''}:{about}"
        return {
            "event_id": record_id(self.tenant, self.application.subject_id, self.application.application_id, where),
            "subject_id": self.application.subject_id,
            "session_id": visit.session_id,
            "seq": self.application.n_events,
            "occurred_ms": self.now_ms,
            "received_ms": self.now_ms,
            "assurance": visit.assurance,
            "product_id": self.application.product_id,
            "application_id": self.application.application_id,
            "device_id": visit.device_id,
            "step": self.gate.step,
            "attempt": self.gate.attempt,
        }

    def _money(self) -> dict[str, Any]:
        gate = self.gate
        amount = None if gate.amount is None else f"{gate.amount:.2f}"
        return {"draw_id": gate.draw_id, "payee_ref": gate.payee_ref, "amount": amount, "currency": gate.currency}

    def checkpoint(self, exposure: Exposure | None) -> Checkpoint:
        """Return the question of the gate's newest attempt."""
        return Checkpoint(**self._envelope(f"checkpoint:{self.gate.attempt}"), **self._money(), exposure=exposure)

    def challenge_issued(self, method: ChallengeMethod) -> Challenge:
        """Return that the gate's newest challenge is out."""
        envelope = self._envelope(f"challenge:{self.gate.n_challenges}:issued")
        return Challenge(**envelope | {"attempt": self.gate.attempt or None}, method=method, outcome="issued")

    def proof(self, told: TellProof) -> Challenge:
        """Return what became of a challenge. A proof that was passed vouches for the person."""
        envelope = self._envelope(f"challenge:{told.number}:{told.outcome}") | {"attempt": told.attempt or None}
        if told.outcome == "passed":
            envelope["assurance"] = "person"
        return Challenge(**envelope, method=told.method, outcome=told.outcome)

    def override(self, told: TellDecision) -> Override:
        """Return what people decided about an attempt; on an appeal, they decide about the same one again."""
        people = {"attempt": told.attempt, "assurance": "person"}
        return Override(
            **self._envelope(f"override:{self.application.n_events}") | self._money() | people,
            decision=told.decision,
            operators=list(told.operators),
            note=told.note or None,
        )
