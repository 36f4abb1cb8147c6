"""The bank's own account of what became of each transfer; a file, where one is named, keeps it over a restart."""

import contextlib
import os
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from menshen.contract.events import Currency, Id, Money

Status = Literal["executed", "refused", "voided"]
_BEGINNING = b'{"key":"'


class AnotherOrder(Exception):
    """The key stands for another order already. Asking again gets the same answer."""


class LedgerUnreadable(Exception):
    """The file holds what no ledger wrote. Nothing was changed."""


class Order(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Money for one draw of one application. Two orders are the same if every field is, the amount to the cent."""

    application_id: Id
    draw_id: Id
    payee_ref: Id
    amount: Money
    currency: Currency

    def __post_init__(self) -> None:
        if Decimal(self.amount) == 0:
            raise ValueError("the amount must be more than zero")


class Settled(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What became of a key, once and for all. A key that was voided before any order came has no `order`."""

    key: Id
    status: Status
    why: str | None = None
    order: Order | None = None


class Ledger:
    """Settles each key once: whatever comes later under it is told what became of it the first time.

    Nothing waits between the look at a key and the entry: however many ask at once on one event loop, one of them
    enters. An entry is on disk before its answer. It is for one thread of one process.
    """

    def __init__(self, file: Path | None = None) -> None:
        """Read back what the file holds. Raises `LedgerUnreadable`, and OSError where the file cannot be opened."""
        self._settled = {entry.key: entry for entry in (_read_back(file) if file else ())}
        self._file = file.open("ab") if file else None

    def close(self) -> None:
        """Let go of the file."""
        if self._file:
            self._file.close()

    def execute(self, key: str, order: Order) -> Settled:
        """Move the money, unless the key is settled already. Raises `AnotherOrder`."""
        return self._settle(Settled(key=key, status="executed", order=order))

    def refuse(self, key: str, order: Order, why: str) -> Settled:
        """Refuse for good, unless the key is settled already. Raises `AnotherOrder`."""
        return self._settle(Settled(key=key, status="refused", why=why, order=order))

    def void(self, key: str) -> Settled:
        """Close the key for good, unless it is settled already: whoever gets `voided` knows that no money will move."""
        return self._settle(Settled(key=key, status="voided"))

    def find(self, key: str) -> Settled | None:
        """Return what became of a key, None if it was never used."""
        return self._settled.get(key)

    def executed(self) -> list[Settled]:
        """Return the transfers that moved money, in the order in which they did."""
        return [entry for entry in self._settled.values() if entry.status == "executed"]

    def _settle(self, wanted: Settled) -> Settled:
        known = self._settled.get(wanted.key)
        if known is None:
            self._keep(wanted)
            self._settled[wanted.key] = known = wanted
        if wanted.order and known.order and wanted.order != known.order:
            raise AnotherOrder(f"the key stands for another order: {known.order}")
        return known

    def _keep(self, entry: Settled) -> None:
        if not self._file:
            return
        try:
            self._file.write(msgspec.json.encode(entry) + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError:
            # What the disk holds is unknown now: nothing more is settled until a restart has read it.
            with contextlib.suppress(OSError):
                self._file.close()
            raise


def _read_back(path: Path) -> list[Settled]:
    """Return a ledger's entries; half a line at the end was never answered, and is cut off."""
    whole, end, torn = (path.read_bytes() if path.exists() else b"").rpartition(b"\n")
    try:
        entries = msgspec.json.Decoder(Settled).decode_lines(whole)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise LedgerUnreadable(f"not a ledger: {error}") from None
    if torn[: len(_BEGINNING)] != _BEGINNING[: len(torn)]:
        raise LedgerUnreadable("not a ledger: its last line begins like nothing that a ledger writes")
    if len({entry.key for entry in entries}) < len(entries):
        raise LedgerUnreadable("not a ledger: a key was settled twice")
    if torn:
        os.truncate(path, len(whole + end))
    return entries
