"""The faults that a rehearsal asks the bank for, each taken once, by the first transfer that it is meant for."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from menshen.contract.events import Id

FaultName = Literal["timeout_after_success", "timeout_before", "error_500", "error_500_after_success", "refuse"]


class Fault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that goes wrong, with any transfer or with one to `payee_ref`.

    A timeout holds the connection for `seconds`, then closes it without an answer; an error 500 answers, and tells
    nothing. Either comes before the money moves, in place of it, or after it has moved. `refuse` is the bank's own
    real-time check: it is final, and says `why`.
    """

    fault: FaultName
    payee_ref: Id | None = None
    seconds: Annotated[float, Meta(ge=0, le=600)] = 0.0
    why: Annotated[str, Meta(min_length=1, max_length=200)] = "the bank's own check"

    @property
    def refuses(self) -> bool:
        """Whether the transfer is refused for good."""
        return self.fault == "refuse"

    @property
    def executes(self) -> bool:
        """Whether the money moves before it goes wrong."""
        return self.fault.endswith("after_success")

    @property
    def is_silent(self) -> bool:
        """Whether there is no answer."""
        return self.fault.startswith("timeout")


class Script:
    """A queue of faults."""

    def __init__(self) -> None:
        self._queue = list[Fault]()

    def add(self, fault: Fault) -> None:
        """Put a fault behind those that wait."""
        self._queue.append(fault)

    def take(self, payee_ref: str) -> Fault | None:
        """Take the first fault that is meant for this payee or for any."""
        for place, fault in enumerate(self._queue):
            if fault.payee_ref in (None, payee_ref):
                return self._queue.pop(place)
        return None

    def waiting(self) -> list[Fault]:
        """Return the faults that no transfer has met yet."""
        return list(self._queue)
