"""A customer of a lender under test, who goes through the API as a back end would."""

from typing import Any

from tests.servers.onboard import Api, Lender, Reply, wait_until
from tests.servers.standins import call

VISIT = {"session_id": "v-1", "device_id": "d-1", "assurance": "authenticated"}
SIGNED = "0" * 64
LIMIT = {"amount": "18000.00", "currency": "CNY"}
BODIES: dict[str, dict[str, str]] = {
    "eligibility": VISIT,
    "agreement": VISIT | {"signature_sha256": SIGNED},
    "limit_activation": VISIT | LIMIT,
}


class Customer:
    """One application of one person."""

    def __init__(self, lender: Lender, name: str) -> None:
        self.name, self.subject_id, self._standins = name, f"s-{name}", lender.standins
        self.api: Api = lender.api()
        body = {"application_id": name, "subject_id": self.subject_id, "product_id": "cash-loan"}
        assert self.api.post("/v1/applications", body).status == 201

    def ask(self, step: str) -> Reply:
        """Ask to go on to a step."""
        return self.api.post(f"/v1/applications/{self.name}/steps/{step}", BODIES[step])

    def draw(self, draw_id: str, amount: str = "500.00", payee_ref: str = "payee-1", **changes: str) -> Reply:
        """Ask for a payment."""
        money = {"draw_id": draw_id, "amount": amount, "payee_ref": payee_ref, "currency": "CNY"}
        return self.api.post(f"/v1/applications/{self.name}/draws", VISIT | money | changes)

    def gate(self, name: str) -> dict[str, Any]:
        """Return a step by its name, or a draw by its id, as it is now."""
        told = self.api.get(f"/v1/applications/{self.name}").body
        return next(g for g in (*told["steps"], *told["draws"]) if name in (g["step"], g["draw_id"]))

    def reaches(self, name: str, *states: str) -> dict[str, Any]:
        """Return a gate once it is in one of some states; fail if that does not come."""
        return wait_until(lambda: gate if (gate := self.gate(name))["state"] in states else None)

    def prove(self, name: str) -> None:
        """Give whatever proof a gate waits for, until it waits for none and no question is out."""
        while True:
            gate = wait_until(lambda: gate if (gate := self.gate(name))["state"] != "asked" else None)
            if gate["state"] != "proving":
                return
            self.answer(gate["awaits"]["challenge_id"], gate["awaits"]["method"])

    def answer(self, challenge_id: str, method: str) -> int:
        """Answer a challenge rightly, and return the status; it may not be issued yet."""
        right = self._code_of(challenge_id) if method == "otp" else f"face-of-{self.subject_id}"
        return self.api.post(f"/v1/challenges/{challenge_id}/answers", {"answer": right}).status

    def _code_of(self, challenge_id: str) -> str:
        """Return the code of this challenge, once the customer's phone has got it."""
        phone = f"{self._standins.otp_url}/phones/{self.subject_id}"
        seen = wait_until(lambda: got if (got := call("GET", phone).body).get("challenge_id") == challenge_id else None)
        code: str = seen["code"]
        return code

    def open_line(self) -> None:
        """Go through all steps before the draws; somebody must allow each."""
        for step in BODIES:
            assert self.ask(step).status == 202
            self.prove(step)
            self.reaches(step, "open")
