"""What callers may send. Every field is bounded and nothing else is read; money is text, never a float."""

import re
from typing import Annotated, Literal

from fastapi import Path
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from menshen.contract.events import Assurance
from menshen.loan.policy import RefusalKind

NAME = r"^[!-,0-~-][!-.0-~]{0,63}$"
"""An id that also stands in a path: visible ASCII without a slash, and no full stop in front."""
TEXT = r"^[^\x00-\x1f\x7f]+$"

PathName = Annotated[str, Field(min_length=1, max_length=64, pattern=NAME)]
Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[!-~]+$")]
Money = Annotated[str, Field(pattern=r"^(0\.(0[1-9]|[1-9][0-9])|[1-9][0-9]{0,11}\.[0-9]{2})$", max_length=15)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
StepBefore = Literal["eligibility", "agreement", "limit_activation"]


def _spelt(pattern: str) -> BeforeValidator:
    """Return a check that takes one spelling of a value: pydantic alone reads `yes` and ` 1_0 ` too."""

    def check(value: object) -> object:
        if isinstance(value, str) and not re.fullmatch(pattern, value, re.ASCII):
            raise ValueError("Input should be spelt plainly")
        return value

    return BeforeValidator(check)


Whole = Annotated[int, _spelt("0|[1-9][0-9]{0,15}")]
TrueOrFalse = Annotated[bool, _spelt("true|false")]
ApplicationId = Annotated[PathName, Path(description="The application.", examples=["a-1001"])]
DrawId = Annotated[PathName, Path(description="The draw.", examples=["d-1"])]
ChallengeId = Annotated[Id, Path(description="The challenge that `awaits` names.")]
ReviewId = Annotated[Id, Path(description="The entry of the queue.")]


class _Asked(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class _Query(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Wait(_Query):
    """How long the answer may wait for the verdict."""

    wait_ms: Whole = Field(
        0, ge=0, le=10_000, description="Wait so long for the gate to leave `asked`, milliseconds.", examples=[800]
    )


class Page(_Query):
    """Which part of a list."""

    after: Whole = Field(0, ge=0, le=2**31 - 1, description="Begin behind this number.", examples=[0])
    limit: Whole = Field(100, ge=1, le=500, description="So many at the most.", examples=[100])


class Which(_Query):
    """Which entries of the queue."""

    open: TrueOrFalse = Field(True, description="Only those that wait for a say.", examples=[True])
    limit: Whole = Field(100, ge=1, le=500, description="So many at the most, the most urgent first.", examples=[100])


class NewApplication(_Asked):
    """An application to open. The id is the caller's own choice."""

    application_id: PathName = Field(description="The application's id from now on.", examples=["a-1001"])
    subject_id: Id = Field(description="The customer: a pseudonym, the same as in the events.", examples=["s-77"])
    product_id: Id = Field(description="The lending product.", examples=["cash-loan"])


class Eligibility(_Asked):
    """Who is there: the session and the device that a verdict will be bound to."""

    session_id: Id = Field(description="The visit, as in the events.", examples=["v-1"])
    device_id: Id = Field(description="The device, as in the events.", examples=["dev-1"])
    assurance: Assurance = Field(
        description="Who vouches for the person: nobody yet, a completed login, a proof of the person.",
        examples=["authenticated"],
    )


class Agreement(Eligibility):
    """Who signs, and what was signed."""

    signature_sha256: str = Field(
        pattern="^[0-9a-f]{64}$", description="SHA-256 of the digital signature, hexadecimal.", examples=["0a" * 32]
    )


class LimitActivation(Eligibility):
    """Who is there, and which limit is to become usable."""

    amount: Money = Field(description="The limit, decimal text above 0.", examples=["20000.00"])
    currency: Currency = Field(description="ISO 4217.", examples=["CNY"])


class NewDraw(LimitActivation):
    """A payment out of the open line. The same draw again is its next attempt."""

    draw_id: PathName = Field(description="The draw's id, the caller's own choice.", examples=["d-1"])
    payee_ref: Id = Field(description="A pseudonym of the account that is paid.", examples=["p-1"])
    amount: Money = Field(description="What is to be paid, decimal text above 0.", examples=["5000.00"])


class Answer(_Asked):
    """What the customer answered to a challenge."""

    answer: str = Field(min_length=1, max_length=256, pattern=TEXT, description="The answer.", examples=["482913"])


class Refusal(_Asked):
    """The lender declines, for a reason of its own."""

    kind: RefusalKind = Field(description="The kind of reason: the waiting time depends on it.", examples=["credit"])


class StepAppeal(_Asked):
    """The customer asks that people look at the refusal of a step."""

    step: StepBefore = Field(description="The step that was refused.", examples=["agreement"])


class DrawAppeal(_Asked):
    """The customer asks that people look at the refusal of a draw."""

    step: Literal["fund_transfer"] = Field(description="A draw was refused.")
    draw_id: PathName = Field(description="Which one.", examples=["d-1"])


Appeal = Annotated[StepAppeal | DrawAppeal, Field(discriminator="step")]


class Vote(_Asked):
    """What one person says about an entry of the queue."""

    decision: Literal["allow", "block"] = Field(description="Whether it may go on.", examples=["allow"])
    note: str = Field(
        min_length=1,
        max_length=500,
        pattern=TEXT,
        description="Why; nothing that names a customer.",
        examples=["called back on the known number"],
    )
