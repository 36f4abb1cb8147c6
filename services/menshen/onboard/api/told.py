"""What callers are told. Scores and codes of rules are for the lender's people alone; customers get plain sentences."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from menshen.contract.events import Assurance, ChallengeMethod, Step
from menshen.contract.onboarding import State
from menshen.contract.verdict import Decision
from menshen.loan.commands import AlertCode
from menshen.loan.policy import RefusalKind
from menshen.onboard.api.keys import Role

Waits = Literal["customer", "challenge", "verdict", "people", "bank"]
MILLIS = "milliseconds since 1970"


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Message(_Told):
    """One sentence or two for the customer: what to do, and never which signal fired."""

    zh: str = Field(description="In Chinese.")
    en: str = Field(description="In English.")


class ReasonTold(_Told):
    """What stands against it, by a stable code."""

    code: str = Field(description="See the catalogue of reasons.", examples=["IMPOSSIBLE_TRAVEL"])
    points: int = Field(description="What it adds to the score.")
    evidence: dict[str, float] = Field(description="The figures behind it, units in the names.")


class VerdictTold(_Told):
    """A verdict that counted, or the one that took it back."""

    verdict_id: str = Field(description="Its id on the topic of verdicts.")
    kind: Literal["gate", "revoke"] = Field(description="Whether it answers, or takes an allow back.")
    attempt: int | None = Field(description="The attempt that it is about.")
    decision: Decision = Field(description="What may happen.")
    score: int = Field(description="The sum of the points, 0 (ordinary) to 1000.")
    reasons: list[ReasonTold] = Field(description="Most points first.")
    missing: list[str] = Field(description="Evidence that this step usually has and that did not come.")
    challenge: ChallengeMethod | None = Field(description="The proof that a `step_up` asks for.")
    degraded: bool = Field(description="Whether it leans on less than usual.")
    decided_ms: int = Field(description=f"When it was decided, {MILLIS}.")
    expires_ms: int = Field(description=f"From when on it is void, {MILLIS}.")


class Awaited(_Told):
    """What the gate waits for."""

    what: Waits = Field(description="Whose turn it is.")
    until_ms: int | None = Field(description=f"When this time is up, {MILLIS}.")
    challenge_id: str | None = Field(default=None, description="Which challenge is to be answered.")
    method: ChallengeMethod | None = Field(default=None, description="What is to be proved.")


class GateTold(_Told):
    """One step of the path, or one draw."""

    application_id: str = Field(description="The application.")
    step: Step = Field(description="The step.")
    draw_id: str | None = Field(description="The draw, at `fund_transfer`.")
    payee_ref: str | None = Field(description="Who is paid, by a pseudonym.")
    amount: str | None = Field(description="The limit or the payment, decimal text.")
    currency: str | None = Field(description="ISO 4217.")
    state: State = Field(description="Where it stands.")
    meaning: str = Field(description="What that state means.")
    attempt: int = Field(description="How often it was asked about; 0: not yet.")
    attempts_left: int = Field(description="How often the customer may still ask within 24 hours.")
    awaits: Awaited | None = Field(description="What it waits for; null: nothing.")
    messages: list[Message] = Field(description="What to tell the customer, unless the newest verdict is an allow.")
    verdict: VerdictTold | None = Field(description="The newest verdict; always null for the role `service`.")


class RefusalTold(_Told):
    """A refusal whose waiting time runs, or has run."""

    kind: RefusalKind = Field(description="The kind of reason.")
    until_ms: int = Field(description=f"The customer may apply again from then on, {MILLIS}.")


class ApplicationTold(_Told):
    """An application as it is."""

    application_id: str = Field(description="The application.")
    subject_id: str = Field(description="The customer, by a pseudonym.")
    product_id: str = Field(description="The lending product.")
    opened_ms: int = Field(description=f"When it was opened, {MILLIS}.")
    refusal: RefusalTold | None = Field(description="Null: it is not refused.")
    steps: list[GateTold] = Field(description="The steps before the draws, in their order.")
    draws: list[GateTold] = Field(description="The draws, in theirs.")


class Change(_Told):
    """One change, as it stands on the topic `menshen.onboarding.v1`."""

    record_id: str = Field(description="Its id on the topic.")
    number: int = Field(description="Counts the application's changes without gaps, from 1.")
    step: Step = Field(description="The step.")
    draw_id: str | None = Field(description="The draw, at `fund_transfer`.")
    fact: str = Field(description="What brought it about.", examples=["Advanced"])
    was: State = Field(description="The state before.")
    state: State = Field(description="The state since.")
    attempt: int = Field(description="The newest attempt.")
    at_ms: int = Field(description=f"When, {MILLIS}.")
    amount: str | None = Field(description="The limit or the payment, decimal text.")
    currency: str | None = Field(description="ISO 4217.")
    refused_until_ms: int | None = Field(description="The waiting time that runs from here on; 0 takes one back.")
    verdict_id: str | None = Field(description="The verdict that did it.")
    verdict: VerdictTold | None = Field(description="That verdict; always null for the role `service`.")


class History(_Told):
    """A part of an application's history, in order."""

    changes: list[Change] = Field(description="The changes.")
    next_after: int | None = Field(description="What to give as `after` for the next part; null: this is the last.")


class Answered(_Told):
    """What an answer to a challenge led to."""

    outcome: Literal["passed", "failed"] = Field(description="Whether it was right.")
    remaining: int = Field(description="How many further answers will be judged; 0: `outcome` is final.")
    gate: GateTold = Field(description="The gate as it is now.")


class Entry(_Told):
    """An entry of the queue of people."""

    review_id: str = Field(description="The entry.")
    application_id: str = Field(description="The application.")
    step: Step = Field(description="The step.")
    n_people: int = Field(description="How many must agree before it goes on: 2 for an appeal, one an approver.")
    opened_ms: int = Field(description=f"Since when it waits, {MILLIS}.")
    due_ms: int = Field(description=f"When its time is up, {MILLIS}.")
    closed_ms: int | None = Field(description=f"When it was closed, {MILLIS}; null: it waits.")
    outcome: str | None = Field(description="What closed it.", examples=["Lifted"])


class Entries(_Told):
    """The queue, the most urgent first."""

    reviews: list[Entry] = Field(description="The entries.")


class VoteTold(_Told):
    """What one person has said."""

    operator: str = Field(description="Who, by a pseudonym.")
    role: Role = Field(description="In which role.")
    decision: Literal["allow", "block"] = Field(description="Whether it may go on.")
    note: str = Field(description="Why.")
    at_ms: int = Field(description=f"When, {MILLIS}.")


class Question(_Told):
    """The checkpoint that was published."""

    event_id: str = Field(description="Its id on the topic of events.")
    attempt: int = Field(description="Which attempt it was.")
    asked_ms: int = Field(description=f"When, {MILLIS}.")
    session_id: str = Field(description="The visit.")
    device_id: str = Field(description="The device.")
    assurance: Assurance = Field(description="Who vouched for the person.")
    payee_ref: str | None = Field(description="Who is paid.")
    amount: str | None = Field(description="How much.")
    currency: str | None = Field(description="ISO 4217.")
    exposure: dict[str, dict[str, str]] | None = Field(description="What goes before the amount, by whom.")


class Review(Entry):
    """An entry with all that a person needs to decide."""

    question: Question | None = Field(description="What was asked; null: nobody was ever asked about it.")
    verdict: VerdictTold | None = Field(description="What was answered; null: nobody has answered.")
    votes: list[VoteTold] = Field(description="What was said so far.")
    gate: GateTold = Field(description="The gate as it is now.")


class AlertTold(_Told):
    """Something that no rule can mend."""

    number: int = Field(description="Counts alerts.")
    code: AlertCode = Field(description="What it is.")
    application_id: str = Field(description="The application.")
    step: Step = Field(description="The step.")
    draw_id: str | None = Field(description="The draw, at `fund_transfer`.")
    at_ms: int = Field(description=f"When, {MILLIS}.")


class Alerts(_Told):
    """A part of the alerts, in order."""

    alerts: list[AlertTold] = Field(description="The alerts.")
    next_after: int | None = Field(description="What to give as `after` for the next part; null: this is the last.")
