"""The door of the API: who knocks is looked at before what they bring is read, and that is read strictly."""

import json
from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from menshen.onboard.api import keys
from menshen.onboard.api.keys import Caller, Role
from menshen.onboard.api.problems import Refused
from menshen.onboard.desk import Desk
from menshen.onboard.sender import Outside

LARGEST_BODY_BYTES = 64 * 1024
_SERVICE: frozenset[Role] = frozenset({"service"})
_VOTERS: frozenset[Role] = frozenset({"analyst", "approver"})
_PEOPLE: frozenset[Role] = _VOTERS | {"auditor"}
MAY: Mapping[str, frozenset[Role]] = {
    "open_application": _SERVICE,
    "read_application": _SERVICE | _PEOPLE,
    "read_history": _SERVICE | _PEOPLE,
    "ask_eligibility": _SERVICE,
    "sign_agreement": _SERVICE,
    "activate_limit": _SERVICE,
    "ask_for_draw": _SERVICE,
    "repay_draw": _SERVICE,
    "answer_challenge": _SERVICE,
    "refuse_application": _SERVICE,
    "appeal": _SERVICE,
    "list_reviews": _PEOPLE,
    "read_review": _PEOPLE,
    "vote": _VOTERS,
    "list_alerts": _PEOPLE,
}
"""Which roles may do what. An operation that is not here cannot be served."""


class Here(NamedTuple):
    """What every operation works with."""

    request: Request
    desk: Desk
    outside: Outside
    caller: Caller


async def _here(request: Request) -> Here:
    state = request.app.state
    return Here(request, state.desk, state.outside, request.state.caller)


At = Annotated[Here, Depends(_here)]


class Door(APIRoute):
    """A route that lets in whom `MAY` names."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler behind the door."""
        handle, roles, reads = super().get_route_handler(), MAY[self.name], self.body_field is not None

        async def knock(request: Request) -> Response:
            request.state.caller = await _admit(request, roles)
            _refuse_doubles(request)
            response = await handle(await _read(request) if reads else request)
            response.headers["Cache-Control"] = "no-store"
            return response

        return knock


ROUTES = APIRouter(prefix="/v1", route_class=Door, redirect_slashes=False)


async def _admit(request: Request, roles: frozenset[Role]) -> Caller:
    scheme, _, key = ",".join(request.headers.getlist("authorization")).partition(" ")
    caller: Caller | None = None
    if scheme.lower() == "bearer":
        caller = await request.app.state.desk.read(lambda connection: keys.holder(connection, key))
    if caller is None:
        raise Refused("unauthenticated", "no key was shown, or one that opens nothing", WWW_Authenticate="Bearer")
    if caller.role not in roles:
        raise Refused("forbidden", f"{caller.role} may not do this")
    return caller


def _refuse_doubles(request: Request) -> None:
    named = [name for name, _ in request.query_params.multi_items()]
    if doubles := {name for name in named if named.count(name) > 1}:
        raise RequestValidationError([{"loc": ("query", name), "msg": "Must stand once"} for name in sorted(doubles)])


class _Read(Request):
    """A request whose body was read to its end."""

    def __init__(self, request: Request, content: bytes) -> None:
        super().__init__(request.scope, request.receive)
        self._content = content

    async def body(self) -> bytes:
        return self._content

    async def json(self) -> Any:
        return _parsed(self._content)


async def _read(request: Request) -> Request:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > LARGEST_BODY_BYTES:
            raise Refused("too-large", f"more than {LARGEST_BODY_BYTES} bytes")
    if content:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Refused("media-type", "the body is not declared as application/json")
        _parsed(bytes(content))
    return _Read(request, bytes(content))


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content.decode(), object_pairs_hook=_unique, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Refused("malformed", "the body is no JSON, names a field twice, or is nested too deep") from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(named := dict(pairs)) < len(pairs):
        raise ValueError("a name stands twice")
    return named


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no number")
