"""What happened to an application: one record for each change of one of its gates."""

from typing import Literal

from msgspec import Struct

from menshen.contract.events import Step

State = Literal[
    "waiting",
    "proving",
    "asked",
    "provisional",
    "parked",
    "review",
    "open",
    "sending",
    "done",
    "repaid",
    "refused",
    "appeal",
    "failed",
]


class Onboarding(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One change. `record_id` is unique; `number` counts the changes of an application, without gaps, from 1.

    `fact` names what brought it about, `state` is what the gate is in since. `verdict_id` is given where a verdict did.
    `refused_until_ms` is given where a waiting time runs from now on; 0 takes one back. Reasons stand in the verdict.
    """

    record_id: str
    number: int
    application_id: str
    subject_id: str
    product_id: str
    step: Step
    fact: str
    state: State
    was: State
    attempt: int
    at_ms: int
    draw_id: str | None = None
    amount: str | None = None
    currency: str | None = None
    verdict_id: str | None = None
    refused_until_ms: int | None = None
