"""A customer who goes along the path through the API."""

import time
from typing import Any
from uuid import uuid4

from tests.integration.api.office import Answer, Office
from tests.servers.standins import Standins

PATIENCE_S = 20.0
HERE = {"session_id": "v-1", "device_id": "dev-1", "assurance": "authenticated"}
SIGNED = HERE | {"signature_sha256": "0a" * 32}
LIMIT = HERE | {"amount": "20000.00", "currency": "CNY"}


class Customer:
    """One customer with one application; each call waits for the verdict."""

    def __init__(self, office: Office, standins: Standins) -> None:
        self.api, self._standins = office.api(), standins
        self.subject_id, self.application_id = f"s-{uuid4().hex[:8]}", f"a-{uuid4().hex[:8]}"

    @property
    def path(self) -> str:
        """Return where the application is."""
        return f"/v1/applications/{self.application_id}"

    def applies(self, product_id: str = "cash-loan") -> Answer:
        """Open the application."""
        named = {"application_id": self.application_id, "subject_id": self.subject_id, "product_id": product_id}
        return self.api.post("/v1/applications", named)

    def asks(self, step: str, body: dict[str, str]) -> dict[str, Any]:
        """Go on to a step, with all its proofs; return its gate when it waits for no proof and no verdict."""
        gate = told(self.api.post(f"{self.path}/steps/{step}?wait_ms=5000", body))
        return self.proves(gate)

    def draws(self, draw_id: str, **changes: str) -> Answer:
        """Ask for a payment."""
        wanted = LIMIT | {"draw_id": draw_id, "payee_ref": "p-1", "amount": "5000.00"} | changes
        return self.api.post(f"{self.path}/draws?wait_ms=5000", wanted)

    def proves(self, gate: dict[str, Any]) -> dict[str, Any]:
        """Answer each challenge rightly."""
        while gate["state"] in ("proving", "asked"):
            if gate["state"] == "proving":
                gate = self.answers(gate, self._right_answer(gate["awaits"]["method"]))
            else:
                time.sleep(0.02)
                gate = self.gate(gate["step"], gate["draw_id"])
        return gate

    def answers(self, gate: dict[str, Any], answer: str) -> dict[str, Any]:
        """Answer the challenge that is out, as soon as it has been issued; return the gate."""
        return self.answered(gate, answer).body["gate"]

    def answered(self, gate: dict[str, Any], answer: str) -> Answer:
        """Answer the challenge that is out, as soon as it has been issued."""
        until = time.monotonic() + PATIENCE_S
        while True:
            reply = self.api.post(f"/v1/challenges/{gate['awaits']['challenge_id']}/answers", {"answer": answer})
            if reply.status != 503 or time.monotonic() > until:
                return reply
            time.sleep(0.02)

    def gate(self, step: str, draw_id: str | None = None) -> dict[str, Any]:
        """Return a step or a draw as it is."""
        application = told(self.api.get(self.path))
        gates = application["steps"] + application["draws"]
        return next(gate for gate in gates if (gate["step"], gate["draw_id"]) == (step, draw_id))

    def comes_to(self, step: str) -> None:
        """Go along the path until a step is open."""
        self.applies()
        for name, body in (("eligibility", HERE), ("agreement", SIGNED), ("limit_activation", LIMIT)):
            assert self.asks(name, body)["state"] == "open"
            if name == step:
                return

    def _right_answer(self, method: str) -> str:
        if method == "face":
            return f"face-of-{self.subject_id}"
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            try:
                return self._standins.code_for(self.subject_id)
            except (KeyError, TypeError):
                time.sleep(0.02)
        raise AssertionError("no code came")


def told(answer: Answer) -> Any:
    """Return the body of an answer that is no problem."""
    assert answer.status < 300, answer
    return answer.body


def kind_of(answer: Answer) -> str:
    """Return the kind of problem that an answer tells of."""
    assert answer.headers["content-type"] == "application/problem+json", answer
    kind: str = answer.body["type"]
    return kind.removeprefix("urn:menshen:problem:")
