"""The answer at a decision point: what may go on, for whom, for what, until when, and why."""

from typing import Literal

from msgspec import Struct

from menshen.contract.assessment import Reason, Versions
from menshen.contract.events import ChallengeMethod, Step

Decision = Literal["allow", "step_up", "review", "block"]
SEVERITY: dict[Decision, int] = {"allow": 0, "step_up": 1, "review": 2, "block": 3}
Kind = Literal["login", "gate", "revoke"]

BOUND = (
    "session_id",
    "application_id",
    "step",
    "attempt",
    "draw_id",
    "payee_ref",
    "device_id",
    "amount_max",
    "currency",
)
"""The fields, beside the subject, that tie a verdict to one question: a gate opens only where all of them agree."""

KEY_ID_HEADER = "key_id"
SIGNATURE_HEADER = "signature"


class Verdict(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One decision. The first record of a `verdict_id` in the log is the valid one.

    `gate` answers a checkpoint, `login` a login, `revoke` takes back the allow named in `revokes`. A verdict that names
    an application is signed (Ed25519 over the exact bytes of the record's value; `key_id` and `signature` are headers).
    Times are in milliseconds; a verdict is void from `expires_ms` on. `degraded` says that a part was out of order and
    that the decision leans on less than usual. `challenge` names the proof that a `step_up` asks for. `missing` names
    evidence that this step usually has and that did not come. `score` and `reasons` say what was found, also where
    people allowed it all the same.
    """

    verdict_id: str
    kind: Kind
    event_id: str
    subject_id: str
    session_id: str
    decision: Decision
    score: int
    decided_ms: int
    expires_ms: int
    application_id: str | None = None
    step: Step | None = None
    attempt: int | None = None
    draw_id: str | None = None
    payee_ref: str | None = None
    device_id: str | None = None
    amount_max: str | None = None
    currency: str | None = None
    challenge: ChallengeMethod | None = None
    revokes: str | None = None
    reasons: tuple[Reason, ...] = ()
    missing: tuple[str, ...] = ()
    versions: Versions = Versions()
    degraded: bool = False
