"""What the workflow wants done: all of it is written down in the same transaction as the gate's new state."""

from typing import Literal

from msgspec import Struct

from menshen.contract.events import ChallengeMethod
from menshen.loan.policy import RefusalKind

AlertCode = Literal["RECALL", "REVIEW_LAPSED", "APPEAL_OVERDUE", "BANK_REFUSED"]


class Ask(Struct, frozen=True):
    """Publish the checkpoint of the gate's newest attempt."""


class Challenge(Struct, frozen=True):
    """Have a challenge issued; `number` counts those of the gate."""

    method: ChallengeMethod
    number: int


class TellProof(Struct, frozen=True):
    """Publish what came of the challenge of this number, at the attempt that stood then."""

    method: ChallengeMethod
    outcome: Literal["passed", "failed"]
    number: int
    attempt: int


class Queue(Struct, frozen=True):
    """Put the gate into the queue of people."""

    n_people: int
    due_ms: int


class Unqueue(Struct, frozen=True):
    """Take it out again: it was decided otherwise, or its time was up."""


class TellDecision(Struct, frozen=True):
    """Publish what people decided about an attempt, as an `override` event."""

    attempt: int
    decision: Literal["allow", "block"]
    operators: tuple[str, ...]
    note: str


class Pay(Struct, frozen=True):
    """Tell the bank."""


class Refuse(Struct, frozen=True):
    """Refuse the application: the customer may apply again from `until_ms` on."""

    kind: RefusalKind
    until_ms: int


class Pardon(Struct, frozen=True):
    """Take the waiting time back."""


class Alert(Struct, frozen=True):
    """Call a person's attention to something that no rule can mend."""

    code: AlertCode


Command = Ask | Challenge | TellProof | Queue | Unqueue | TellDecision | Pay | Refuse | Pardon | Alert
