"""The oracle: it believes the bank's ledger, detect's own list of what it signed, and customers about what they asked.

It reads nothing that the office keeps, and none of the office's checks: a signature is verified, and every binding is
compared, once more and by other means.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from tests.gate.signing import Detect, Record
from tests.gate.street import Street

from menshen.contract.events import Checkpoint

Draw = tuple[str, str]


class Wish(NamedTuple):
    """What a customer asked for at a draw, and on which visit and device."""

    payee_ref: str
    amount: Decimal
    session_id: str
    device_id: str


class Judge:
    """Looks at each transfer as it appears in the ledger; `violations` says in words what should not have been."""

    def __init__(self, detect: Detect, street: Street) -> None:
        self._detect, self._street = detect, street
        key = load_pem_public_key(detect.public_pem.encode())
        assert isinstance(key, Ed25519PublicKey)
        self._key = key
        self._delivered: dict[bytes, int] = {}
        self._allows = defaultdict[Draw, list[dict[str, Any]]](list)
        self._revoked_ms: dict[str, int] = {}
        self._n_seen, self._n_told = len(street.standins.ledger()), 0
        self._out = defaultdict[str, Decimal](Decimal)
        self.limits: dict[str, Decimal] = {}
        self.wishes = defaultdict[Draw, list[Wish]](list)
        self.transfers = Counter[Draw]()
        self.violations: list[str] = []

    def hear(self, record: Record, at_ms: int) -> None:
        """Take note of a record that is about to reach the office, if it is an honest one."""
        if record.value not in self._detect.honest or record.value in self._delivered or not self._vouched(record):
            return
        self._delivered[record.value] = at_ms
        verdict = json.loads(record.value)
        if verdict["kind"] == "revoke":
            self._revoked_ms.setdefault(verdict["revokes"], at_ms)
        elif verdict["decision"] == "allow" and "draw_id" in verdict:
            self._allows[verdict["application_id"], verdict["draw_id"]].append(verdict | {"delivered_ms": at_ms})

    def look(self) -> None:
        """Judge every transfer that has appeared since."""
        told = {key: at_ms for at_ms, key in self._street.told[self._n_told :]}
        self._n_told = len(self._street.told)
        ledger = self._street.standins.ledger()
        for entry in ledger[self._n_seen :]:
            draw = (entry["application_id"], entry["draw_id"])
            self.transfers[draw] += 1
            self._count_money(draw, Decimal(entry["amount"]))
            if self.transfers[draw] > 1:
                self.violations.append(f"{draw} was paid twice")
            if entry["key"] not in told:
                self.violations.append(f"{draw} was paid, and nobody was told to")
            elif why := self._unfounded(draw, entry, told[entry["key"]]):
                self.violations.append(f"{draw} was paid without a valid allow: {why}")
        self._n_seen = len(ledger)

    def repaid(self, draw: Draw) -> None:
        """Take note that a customer has paid a draw back."""
        self._count_money(draw, -self.wishes[draw][0].amount)

    def _count_money(self, draw: Draw, amount: Decimal) -> None:
        application_id = draw[0]
        self._out[application_id] += amount
        if self._out[application_id] > self.limits[application_id]:
            self.violations.append(f"{draw} was paid beyond the limit of {self.limits[application_id]}")

    def _vouched(self, record: Record) -> bool:
        try:
            self._key.verify(dict(record.headers).get("signature", b""), record.value)
        except InvalidSignature:
            return False
        return True

    def _unfounded(self, draw: Draw, entry: Mapping[str, str], sent_ms: int) -> str | None:
        """Return what is wrong with every allow for a draw; None if one of them is in order."""
        found = [next(self._faults(allow, entry, sent_ms), None) for allow in self._allows[draw]]
        return None if None in found else "; ".join(map(str, found)) or "none was ever delivered"

    def _faults(self, allow: Mapping[str, Any], entry: Mapping[str, str], sent_ms: int) -> Iterator[str]:
        asked = self._street.wire.asked[allow["event_id"]]
        if not allow["delivered_ms"] < sent_ms < allow["expires_ms"]:
            yield f"delivered {allow['delivered_ms']}, sent {sent_ms}, void from {allow['expires_ms']}"
        if self._revoked_ms.get(allow["verdict_id"], sent_ms) < sent_ms:
            yield f"taken back {self._revoked_ms[allow['verdict_id']]}, sent {sent_ms}"
        if self._newest(asked, allow["delivered_ms"]) is not asked:
            yield "another attempt had followed"
        if (allow["step"], allow["currency"]) != ("fund_transfer", "CNY") or entry["currency"] != "CNY":
            yield "another step or currency"
        if allow["payee_ref"] != entry["payee_ref"] or Decimal(allow["amount_max"]) < Decimal(entry["amount"]):
            yield "another payee, or more money"
        if any(allow[name] != getattr(asked, name) for name in ("subject_id", "session_id", "device_id", "attempt")):
            yield "about another question"
        wish = Wish(entry["payee_ref"], Decimal(entry["amount"]), asked.session_id, asked.device_id)
        if wish not in self.wishes[allow["application_id"], allow["draw_id"]]:
            yield "nobody had asked for this"

    def _newest(self, asked: Checkpoint, at_ms: int) -> Checkpoint:
        """Return the newest question about the same draw that was asked by then."""
        same = (asked.application_id, asked.draw_id)
        about = [q for q in self._street.wire.asked.values() if (q.application_id, q.draw_id) == same]
        return max((q for q in about if q.occurred_ms <= at_ms), key=lambda q: q.attempt)
