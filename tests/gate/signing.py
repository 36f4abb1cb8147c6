"""Detect's stand-in: it hears questions, and signs answers that are about exactly what was asked."""

from typing import NamedTuple

import msgspec

from menshen.contract.events import ChallengeMethod, Checkpoint
from menshen.contract.identifiers import record_id
from menshen.contract.signature import TrustedKeys
from menshen.contract.verdict import Decision, Verdict
from menshen.shell.signing import Signer, new_key_pair

ALLOW_LASTS_MS = 120_000


class Record(NamedTuple):
    """A record of the verdict topic."""

    value: bytes
    headers: list[tuple[str, bytes]]


class Detect:
    """Holds the key that is trusted, and remembers each honest verdict that it has signed, by its exact bytes."""

    def __init__(self) -> None:
        private, self.public_pem = new_key_pair()
        self._signer = Signer(private)
        self.keys = TrustedKeys.from_pem(self.public_pem)
        self.honest: dict[bytes, Verdict] = {}

    def answer(
        self, asked: Checkpoint, decision: Decision, now_ms: int, *, challenge: ChallengeMethod | None = None
    ) -> Record:
        """Answer a question."""
        return self._sign_honestly(verdict_on(asked, decision, now_ms, challenge=challenge))

    def revoke(self, allow: Verdict, now_ms: int) -> Record:
        """Take an allow back."""
        verdict_id = record_id("t", allow.subject_id, f"{allow.verdict_id}{now_ms}", "revoke")
        changes = {"verdict_id": verdict_id, "kind": "revoke", "decision": "block", "revokes": allow.verdict_id}
        return self._sign_honestly(msgspec.structs.replace(allow, decided_ms=now_ms, **changes))

    def sign(self, verdict: Verdict) -> Record:
        """Sign anything: what an attacker would need the key for, or a mistake in detect."""
        value = msgspec.json.encode(verdict)
        return Record(value, self._signer.headers(value))

    def _sign_honestly(self, verdict: Verdict) -> Record:
        record = self.sign(verdict)
        self.honest[record.value] = verdict
        return record


def verdict_on(
    asked: Checkpoint, decision: Decision, now_ms: int, *, challenge: ChallengeMethod | None = None
) -> Verdict:
    """Return a verdict that is bound to a question in every field."""
    return Verdict(
        verdict_id=record_id("t", asked.subject_id, asked.event_id, "gate"),
        kind="gate",
        event_id=asked.event_id,
        subject_id=asked.subject_id,
        session_id=asked.session_id,
        decision=decision,
        score=100,
        decided_ms=now_ms,
        expires_ms=now_ms + ALLOW_LASTS_MS,
        application_id=asked.application_id,
        step=asked.step,
        attempt=asked.attempt,
        draw_id=asked.draw_id,
        payee_ref=asked.payee_ref,
        device_id=asked.device_id,
        amount_max=asked.amount,
        currency=asked.currency,
        challenge=challenge,
    )
