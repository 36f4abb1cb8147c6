"""The people of the stories of the gate: customers with an application, who ask for steps and payments in real time."""

import json
from typing import Any

from menshen.contract.events import ChallengeMethod
from menshen.demo.checking import NOTHING
from menshen.demo.gate.lender import Reply
from menshen.demo.gate.scene import Payment, Scene, Seen, now_ms, standing, standing_in_words
from menshen.demo.people import Customer
from menshen.demo.places import Place
from menshen.demo.story import ALLOWED, N_DAYS, QUIET, Expected
from menshen.onboard.api.told import GateTold

PAST = range(N_DAYS - 7, N_DAYS - 1)
"""The evenings of the past week, on which the lender has come to know its customer."""
SIGNATURE = "5e" * 32
CURRENCY = "CNY"


class Borrower:
    """An account with a past, and a fresh application."""

    def __init__(self, scene: Scene, home: Place) -> None:
        self.scene, self._customer = scene, Customer(scene.story, home)
        self.subject_id = self._customer.subject_id
        self.application_id = f"{self.subject_id}-loan"
        self._customer.live(PAST)
        scene.send()
        names = {"application_id": self.application_id, "subject_id": self.subject_id, "product_id": "cash-loan"}
        scene.taken("application", scene.lender.do("/v1/applications", names))

    def come(self, expected: Expected | None = QUIET, **changes: Any) -> "Caller":
        """Log in now and write something, as ever but for the changes (fields of `Visitor`)."""
        visit = self._customer.come(now_ms(), **changes).begin(expected).write()
        self.scene.send()
        return Caller(self, {"session_id": visit.session_id, "device_id": visit.device_id})

    def expect_paid(self, expected: str) -> None:
        """Hold the bank's entries for this application, payee and amount, against what the story says."""
        self.scene.expect_words("ledger", expected, self._paid)

    def expect_alerts(self, expected: str) -> None:
        """Hold what no rule can mend about this application against what the story says."""
        self.scene.expect_words("alerts", expected, self._alerts)

    def _paid(self) -> str:
        ours = [entry for entry in self.scene.lender.ledger() if entry.application_id == self.application_id]
        return ", ".join(f"{entry.payee_ref} {entry.amount}" for entry in ours)

    def _alerts(self) -> str:
        raised = self.scene.lender.alerts(self.application_id)
        return ", ".join(sorted(f"{alert.code} {alert.draw_id or alert.step}" for alert in raised))


class Caller:
    """Who has logged in to the account, on whichever device, and asks to go on."""

    def __init__(self, borrower: Borrower, visit: dict[str, str]) -> None:
        self._borrower, self._visit = borrower, visit | {"assurance": "authenticated"}

    def open_line(self, limit: str, *, telling: bool = False) -> None:
        """Go through the three steps before the draws, with the proofs that each asks for by itself."""
        self._step("eligibility", (), telling=telling)
        self._step("agreement", ("face",), telling=telling, signature_sha256=SIGNATURE)
        self._step("limit_activation", ("otp", "face"), telling=telling, amount=limit, currency=CURRENCY)

    def _step(self, step: str, proofs: tuple[ChallengeMethod, ...], *, telling: bool, **fields: str) -> None:
        gate = Asked(self._borrower, step)
        self._borrower.scene.taken(step, self._do(f"steps/{step}", fields))
        for method in proofs:
            gate.prove(method, telling=telling)
        gate.reach("open", ALLOWED, telling=telling)

    def draw(self, draw_id: str, payee_ref: str, amount: str) -> "Draw":
        """Ask for a payment."""
        scene = self._borrower.scene
        scene.taken(f"draw {draw_id}", self.try_draw(draw_id, payee_ref, amount))
        return Draw(self._borrower, draw_id, Payment(self._borrower.application_id, draw_id, payee_ref, amount))

    def try_draw(self, draw_id: str, payee_ref: str, amount: str) -> Reply:
        """Ask for a payment, and return what was answered."""
        return self._do("draws", {"draw_id": draw_id, "payee_ref": payee_ref, "amount": amount, "currency": CURRENCY})

    def _do(self, path: str, fields: dict[str, str]) -> Reply:
        lender = self._borrower.scene.lender
        return lender.do(f"/v1/applications/{self._borrower.application_id}/{path}", self._visit | fields)


class Asked:
    """A step that was asked for."""

    def __init__(self, borrower: Borrower, name: str) -> None:
        self._borrower, self._scene, self._name = borrower, borrower.scene, name
        self._what = name

    def reach(self, state: str, expected: Expected, *, telling: bool = True) -> None:
        """Wait until it is there, by a verdict like this."""

        def look() -> Seen:
            gate = self._gate()
            self._answer_silence(gate)
            return standing(gate, state, expected)

        self._scene.expect(self._what, standing_in_words(state, expected), look, telling=telling)

    def prove(self, method: ChallengeMethod, *, telling: bool = True) -> None:
        """Give the proof that is asked for: the code from the phone, or the owner's face."""

        def look() -> Seen:
            gate = self._gate()
            asked_for = gate.awaits.method if gate.awaits else None
            if asked_for != method:
                return Seen(held=False, got=f"{gate.state}, {asked_for}", outcome=gate.state)
            said = self._answer(gate)
            return Seen(said == "passed", said, said)

        self._scene.expect(f"{self._what}: {method}", "passed", look, telling=telling)

    def _gate(self) -> GateTold:
        return self._scene.lender.gate(self._borrower.application_id, self._name)

    def _answer(self, gate: GateTold) -> str:
        """Answer the challenge that is out; the service may not have issued it yet."""
        assert gate.awaits and gate.awaits.challenge_id, "a gate that waits for a proof names the challenge"
        challenge_id, subject_id = gate.awaits.challenge_id, self._borrower.subject_id
        face = f"face-of-{subject_id}"
        right = self._scene.lender.code_for(subject_id, challenge_id) if gate.awaits.method == "otp" else face
        if right is None:
            return "no code has come"
        reply = self._scene.lender.do(f"/v1/challenges/{challenge_id}/answers", {"answer": right})
        return str(json.loads(reply.body)["outcome"]) if reply.status == 200 else reply.in_words

    def _answer_silence(self, gate: GateTold) -> None:
        """Give the code that stands in for a verdict, where this machine was too busy to give one in time."""
        if gate.step == "agreement" and gate.awaits and gate.awaits.method == "otp":
            self._answer(gate)


class Draw(Asked):
    """A payment that was asked for."""

    def __init__(self, borrower: Borrower, draw_id: str, payment: Payment) -> None:
        super().__init__(borrower, draw_id)
        self._what, self._payment = f"draw {draw_id}", payment

    def pay(self, expected: Expected = ALLOWED) -> None:
        """Wait until the money has moved, by an allow like this."""
        self._scene.payments.append(self._payment)
        self.reach("done", expected)

    def lift(self, note: str) -> None:
        """Let an analyst look at it, who lets it go on."""

        def vote() -> str:
            waiting = next(iter(self._scene.lender.reviews(self._payment.application_id)), None)
            if waiting is None:
                return NOTHING
            said = {"decision": "allow", "note": note}
            return self._scene.lender.do(f"/v1/reviews/{waiting.review_id}/votes", said, role="analyst").in_words

        self._scene.expect_words(f"{self._what}: an analyst's vote", "200", vote)
