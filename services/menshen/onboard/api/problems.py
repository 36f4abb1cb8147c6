"""What can be wrong with a request, each with a name of its own: application/problem+json (RFC 9457)."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse

from menshen.contract.events import Step
from menshen.contract.onboarding import State
from menshen.loan.gate import DAY_MS, Gate
from menshen.loan.line import DoesNotFit
from menshen.loan.workflow import AttemptsUsedUp, NotNow
from menshen.onboard.gatekeeper import Contradiction, MayNotApply, NotYet
from menshen.onboard.sql.queue import Closed
from menshen.onboard.sql.store import Unknown
from menshen.shell.errors import Unavailable

MEDIA_TYPE = "application/problem+json"
PREFIX = "urn:menshen:problem:"
IDEMPOTENCY_KEY = "Idempotency-Key"
LONGEST_NAME = 64


class Kind(NamedTuple):
    """One kind of problem: its status, its title, and what to do about it."""

    status: int
    title: str
    advice: str


CATALOGUE: Mapping[str, Kind] = {
    "malformed": Kind(400, "The body cannot be read", "Send one JSON object in UTF-8 that names no field twice."),
    "idempotency-key": Kind(
        400,
        "The header Idempotency-Key is missing or no key",
        "Send 1 to 64 visible ASCII characters, new for each deed.",
    ),
    "unauthenticated": Kind(401, "No key, or one that opens nothing", "Send `Authorization: Bearer msk_...`."),
    "forbidden": Kind(403, "This key's role may not do this", "Use a key of a role that may."),
    "unknown": Kind(404, "There is nothing of this name", "Look at the path, and at the ids in it."),
    "method": Kind(405, "The path does not know this method", "The header Allow names those that it knows."),
    "contradiction": Kind(
        409,
        "It contradicts what is there",
        "`detail` says what stands; nothing was changed. Sending it again is in vain.",
    ),
    "may-not-apply": Kind(409, "The customer's waiting time runs", "Apply again from `until_ms` on, or appeal."),
    "not-yet": Kind(409, "The step before is not open", "Go on with `step`, which is `state`."),
    "not-now": Kind(409, "The state has moved on", "It is `state` now: read the application before asking again."),
    "attempts": Kind(409, "The day's attempts are used up", "Ask again from `retry_at_ms` on."),
    "does-not-fit": Kind(
        409, "It is beyond the limit, the day or the policy", "`detail` says by how much; ask for less, or later."
    ),
    "closed": Kind(409, "The review is closed, or this person has had a say", "Read the review."),
    "too-large": Kind(413, "The body is too large", "Send 64 KB at most."),
    "media-type": Kind(415, "The body is not declared as JSON", "Send `Content-Type: application/json`."),
    "invalid": Kind(422, "The request does not fit the schema", "`errors` names every field and its rule."),
    "idempotency-key-reused": Kind(
        422, "The Idempotency-Key was used for another request", "Take a new key for a new deed."
    ),
    "internal": Kind(
        500, "A mistake in this program", "Send it again with the same Idempotency-Key; tell the operator."
    ),
    "unavailable": Kind(
        503, "A part that is needed does not answer", "Send the same again after `Retry-After` seconds."
    ),
}
"""Slugs are stable: programs go by `type`, people by the rest."""
SLUGS: Mapping[type[Exception], str] = {
    Unknown: "unknown",
    Contradiction: "contradiction",
    MayNotApply: "may-not-apply",
    NotYet: "not-yet",
    NotNow: "not-now",
    AttemptsUsedUp: "attempts",
    DoesNotFit: "does-not-fit",
    Closed: "closed",
}
"""What the workflow refuses, by what it raises."""
BY_STATUS = {400: "malformed", 404: "unknown", 405: "method", 413: "too-large", 415: "media-type"}
"""What the framework calls by a status alone."""


class FieldError(BaseModel):
    """A field that is wrong, and the rule that it breaks; never what stood in it."""

    model_config = ConfigDict(extra="forbid")

    field: str = Field(description="The field, parameter or header.", examples=["amount"])
    rule: str = Field(description="What it must be.", examples=["Field required"])


class Problem(BaseModel):
    """What is wrong, in a form that programs can go by."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(description="The kind of problem.", examples=[PREFIX + "not-now"], pattern=f"^{PREFIX}[a-z-]+$")
    title: str = Field(description="The kind in words: the same for all problems of a type.")
    status: int = Field(description="The status of the response.", ge=400, le=599)
    detail: str = Field(description="What it was this time.")
    errors: list[FieldError] | None = Field(default=None, description="`invalid`: every field that is wrong.")
    until_ms: int | None = Field(default=None, description="`may-not-apply`: when it ends, milliseconds since 1970.")
    retry_at_ms: int | None = Field(default=None, description="`attempts`: when to ask again, milliseconds since 1970.")
    step: Step | None = Field(default=None, description="`not-yet`: the step that comes first.")
    state: State | None = Field(default=None, description="`not-now`, `not-yet`: the state as it is.")


class Refused(Exception):
    """A request that is answered with a problem. Nothing was changed."""

    def __init__(self, slug: str, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.slug, self.headers = slug, {name.replace("_", "-"): value for name, value in headers.items()}


def answer(slug: str, detail: str, *, headers: Mapping[str, str] | None = None, **fields: Any) -> JSONResponse:
    """Return the response of a problem."""
    kind = CATALOGUE[slug]
    told = Problem(type=PREFIX + slug, title=kind.title, status=kind.status, detail=detail, **fields)
    body = told.model_dump(exclude_none=True)
    return JSONResponse(body, kind.status, {"Cache-Control": "no-store", **(headers or {})}, MEDIA_TYPE)


async def refused(_: Request, error: Any) -> JSONResponse:
    """Answer what was found before the workflow was asked."""
    return answer(error.slug, str(error), headers=error.headers)


async def unavailable(_: Request, error: Any) -> JSONResponse:
    """Answer an outage, and name the part alone: what the part has said is for the log."""
    return answer("unavailable", f"{str(error).split(':')[0]} does not answer", headers={"Retry-After": "1"})


async def unexpected(_: Request, __: Any) -> JSONResponse:
    """Answer a mistake of ours with nothing of its inside; the server logs it."""
    return answer("internal", "it is in the log")


async def hung_up(_: Request, __: Any) -> JSONResponse:
    """Answer a caller who is gone: nobody reads it, and it is no mistake of ours."""
    return answer("malformed", "the body did not come")


async def of_framework(_: Request, error: Any) -> JSONResponse:
    """Answer what the framework says by a status: a path or a method that is not there."""
    slug = BY_STATUS.get(error.status_code, "internal")
    return answer(slug, CATALOGUE[slug].advice, headers=error.headers)


async def invalid(_: Request, error: Any) -> JSONResponse:
    """Answer a request that does not fit the schema."""
    wrong = [FieldError(field=_field(found["loc"]), rule=found["msg"]) for found in error.errors()]
    if any(one.field == IDEMPOTENCY_KEY for one in wrong):
        return answer("idempotency-key", CATALOGUE["idempotency-key"].advice)
    return answer("invalid", ", ".join(one.field for one in wrong)[:200], errors=wrong)


async def of_workflow(request: Request, error: Any) -> JSONResponse:
    """Answer what the workflow refuses."""
    slug = next(SLUGS[kind] for kind in type(error).__mro__ if kind in SLUGS)
    fields: dict[str, Any] = {}
    match error:
        case MayNotApply():
            fields = {"until_ms": error.until_ms}
        case NotYet():
            fields = {"step": error.gate.step, "state": error.gate.state}
        case AttemptsUsedUp():
            a_day = request.app.state.desk.policy.attempts_a_day
            fields = {"retry_at_ms": retry_at_ms(error.gate, a_day), "state": error.gate.state}
        case NotNow():
            fields = {"state": error.gate.state}
    return answer(slug, str(error), **fields)


def retry_at_ms(gate: Gate, a_day: int) -> int:
    """Return when the customer may ask again, once as many attempts as a day allows were asked."""
    return gate.asked_ms[-a_day] + DAY_MS


def _field(place: tuple[int | str, ...]) -> str:
    """Return the name of what is wrong, without where it stood; a name that a caller made up is shown harmlessly."""
    named = [str(part) for part in place if part not in ("body", "query", "path", "header")]
    return ".".join(named or map(str, place)).encode("ascii", "backslashreplace").decode()[:LONGEST_NAME] or "body"


HANDLERS: dict[int | type[Exception], Any] = {
    **dict.fromkeys(SLUGS, of_workflow),
    Refused: refused,
    Unavailable: unavailable,
    ClientDisconnect: hung_up,
    RequestValidationError: invalid,
    HTTPException: of_framework,
    Exception: unexpected,
}
"""Which exception is answered by what."""
