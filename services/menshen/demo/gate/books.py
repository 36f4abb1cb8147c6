"""The bank's books after the play: each entry with the allow that it had, and the sum to the cent."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from msgspec import Struct

from menshen.contract.verdict import Verdict
from menshen.demo.checking import Check, Row
from menshen.demo.gate.lender import Lender, Transfer
from menshen.demo.gate.scene import PATIENCE_S, Payment, now_ms
from menshen.demo.player import Player

BOOKS = "ledger"
"""The name under which the books are checked."""


class Entry(Struct, frozen=True):
    """Money that has moved: when onboard was told so, and the id of the signed verdict that allowed it."""

    transfer: Transfer
    paid_ms: int | None
    verdict_id: str | None


def read_books(lender: Lender, player: Player) -> tuple[Entry, ...]:
    """Return the bank's entries, in order; wait for allows that the player has not read yet."""
    until_s, transfers = time.monotonic() + PATIENCE_S, lender.ledger()
    while True:
        allows = [one.verdict for one in player.signed() if one.verdict.decision == "allow"]
        found = [allow_of(transfer, allows) for transfer in transfers]
        if all(found) or time.monotonic() > until_s:
            break
    return tuple(
        Entry(transfer, _paid_ms(lender, transfer), verdict_id)
        for transfer, verdict_id in zip(transfers, found, strict=True)
    )


def allow_of(transfer: Transfer, allows: Iterable[Verdict]) -> str | None:
    """Return the id of the allow for exactly this payment; None: there is none."""
    bound = (transfer.application_id, transfer.draw_id, transfer.payee_ref, transfer.currency)
    for allow in allows:
        named = (allow.application_id, allow.draw_id, allow.payee_ref, allow.currency)
        if named == bound and Decimal(transfer.amount) <= Decimal(allow.amount_max or 0):
            return allow.verdict_id
    return None


def sum_of(amounts: Iterable[str]) -> Decimal:
    """Return a sum of money."""
    return sum(map(Decimal, amounts), Decimal("0.00"))


def audit(entries: Sequence[Entry], payments: Sequence[Payment]) -> Iterator[Check]:
    """Hold the books against the signed allows, and against what the stories say must have moved."""
    unpermitted = [entry.transfer.draw_id for entry in entries if entry.verdict_id is None]
    yield _check("entries that no signed verdict allows", "none", ", ".join(unpermitted) or "none")
    moved = [Payment(t.application_id, t.draw_id, t.payee_ref, t.amount) for t in (e.transfer for e in entries)]
    yield _check("payments that are missing", "none", _in_words(Counter(payments) - Counter(moved)))
    yield _check("entries that no story expects", "none", _in_words(Counter(moved) - Counter(payments)))
    yield _check(
        f"sum of {len(payments)} payments",
        f"{sum_of(p.amount for p in payments)}",
        f"{sum_of(m.amount for m in moved)}",
    )


def _paid_ms(lender: Lender, transfer: Transfer) -> int | None:
    changes = lender.changes(transfer.application_id)
    return next((c.at_ms for c in changes if c.draw_id == transfer.draw_id and c.fact == "Executed"), None)


def _check(what: str, expected: str, got: str) -> Check:
    return Check(BOOKS, Row(now_ms(), what, got), expected, got, expected == got)


def _in_words(payments: "Counter[Payment]") -> str:
    return ", ".join(f"{p.draw_id} to {p.payee_ref}: {p.amount}" for p in payments.elements()) or "none"
