"""Somebody who can write to the topic of verdicts, and has no key to sign with."""

from uuid import uuid4

import msgspec
from msgspec.structs import replace

from menshen.contract.verdict import Verdict
from menshen.demo.gate.borrower import Borrower
from menshen.demo.gate.scene import Scene
from menshen.demo.player import Signed


class Intruder:
    """Sends verdicts; what onboard makes of each is read from its metrics."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def send_rewritten_allow(self, borrower: Borrower, payee_ref: str) -> None:
        """Send the last allow of a payment under a new id, for another payee, with the signature that it had."""
        genuine = self._last_allow(borrower)
        rewritten = replace(genuine.verdict, verdict_id=str(uuid4()), payee_ref=payee_ref)
        false = Signed(rewritten, msgspec.json.encode(rewritten), genuine.headers)
        self._send("allow with the payee rewritten", false, "BAD_SIGNATURE 1")

    def send_allow_again(self, borrower: Borrower) -> None:
        """Send the last allow of a payment once more, as it is."""
        self._send("the genuine allow, again", self._last_allow(borrower), "KNOWN 1")

    def _send(self, what: str, record: Signed, fate: str) -> None:
        before = self._scene.lender.fates()
        self._scene.player.inject(record)

        def look() -> str:
            came = self._scene.lender.fates() - before
            return ", ".join(f"{name} {n}" for name, n in sorted(came.items()))

        self._scene.expect_words(what, fate, look)

    def _last_allow(self, borrower: Borrower) -> Signed:
        found = list[Signed]()

        def look() -> str:
            found.extend(one for one in self._scene.player.signed() if _pays(one.verdict, borrower.application_id))
            return "signed" if found else ""

        self._scene.expect_words("the allow on the topic", "signed", look)
        return found[-1]


def _pays(verdict: Verdict, application_id: str) -> bool:
    return verdict.decision == "allow" and verdict.application_id == application_id and verdict.draw_id is not None
