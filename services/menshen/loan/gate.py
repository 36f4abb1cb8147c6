"""One gate of an application: a step of the path, or one draw out of the line; and what can happen to it."""

from decimal import Decimal

from msgspec import Struct

from menshen.contract.events import Assurance, ChallengeMethod, Step
from menshen.contract.onboarding import State
from menshen.contract.verdict import Decision
from menshen.loan.path import TRANSFER
from menshen.loan.policy import RefusalKind

DAY_MS = 86_400_000


class Visit(Struct, frozen=True):
    """Who is at the gate now: the session and the device that a verdict will be bound to, and who vouches for it."""

    session_id: str
    device_id: str
    assurance: Assurance


class Gate(Struct, frozen=True, kw_only=True):
    """What is known of a gate; times in milliseconds.

    `asked_ms` holds when the customer's own attempts were asked, as far back as a day; `counted` says whether the
    newest is among them. `proofs` are those still to be given, `proof` is the one that is out now, `n_challenges`
    counts all. `verdict_id` and `expires_ms` belong to the allow in hand. `due_ms` is when this state's time is up,
    `retry_ms` when it is asked again by itself. `doubted` says that an allow was revoked while the bank had been told
    already.
    """

    application_id: str
    step: Step
    draw_id: str | None = None
    payee_ref: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    signature_sha256: str | None = None
    state: State = "waiting"
    visit: Visit | None = None
    attempt: int = 0
    asked_ms: tuple[int, ...] = ()
    counted: bool = False
    proofs: tuple[ChallengeMethod, ...] = ()
    proof: ChallengeMethod | None = None
    n_challenges: int = 0
    verdict_id: str | None = None
    expires_ms: int | None = None
    due_ms: int | None = None
    retry_ms: int | None = None
    doubted: bool = False

    @property
    def is_transfer(self) -> bool:
        """Say whether money moves behind it."""
        return self.step == TRANSFER


def attempts_left(gate: Gate, now_ms: int, a_day: int) -> int:
    """Return how many times the customer may still ask, of so many within 24 hours."""
    return max(0, a_day - sum(now_ms - asked_ms < DAY_MS for asked_ms in gate.asked_ms))


class Advanced(Struct, frozen=True):
    """The customer asks to go on; with the limit to activate or the digest of what was signed, where that belongs."""

    visit: Visit
    amount: Decimal | None = None
    currency: str | None = None
    signature_sha256: str | None = None


class Proved(Struct, frozen=True):
    """The challenge that is out was passed."""


class ProofFailed(Struct, frozen=True):
    """The challenge that is out was failed for good."""


class Answered(Struct, frozen=True):
    """A verdict on the newest attempt that counts: signed, fresh, unused, about exactly what was asked."""

    decision: Decision
    verdict_id: str
    expires_ms: int
    challenge: ChallengeMethod | None = None


class Revoked(Struct, frozen=True):
    """The allow in hand, or the one on which this gate was opened, is taken back."""


class TimeUp(Struct, frozen=True):
    """This state has lasted as long as it may."""


class RetryDue(Struct, frozen=True):
    """Time to ask again, since nobody has answered."""


class Lifted(Struct, frozen=True):
    """People have decided that it may go on."""

    operators: tuple[str, ...]
    note: str


class Upheld(Struct, frozen=True):
    """A person has decided that it may not go on."""

    operators: tuple[str, ...]
    note: str


class Declined(Struct, frozen=True):
    """The lender refuses, for a reason of its own."""

    kind: RefusalKind


class Appealed(Struct, frozen=True):
    """The customer asks that people look at the refusal."""


class BuiltUpon(Struct, frozen=True):
    """The next step has begun: what was open has taken effect."""


class SendingBegan(Struct, frozen=True):
    """The bank is about to be told; from here on only the bank knows."""


class Executed(Struct, frozen=True):
    """The bank has moved the money."""


class BankRefused(Struct, frozen=True):
    """The bank will not carry out this payment, now or later."""

    why: str


class Voided(Struct, frozen=True):
    """The bank has not moved the money, and will not under this order."""


class Repaid(Struct, frozen=True):
    """The customer has paid the draw back."""


Fact = (
    Advanced
    | Proved
    | ProofFailed
    | Answered
    | Revoked
    | TimeUp
    | RetryDue
    | Lifted
    | Upheld
    | Declined
    | Appealed
    | BuiltUpon
    | SendingBegan
    | Executed
    | BankRefused
    | Voided
    | Repaid
)
