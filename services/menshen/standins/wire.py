"""How the stand-ins read requests and say what is wrong with one: JSON both ways, and no guess at a misfit."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from aiohttp import web

from menshen.contract.events import Id
from menshen.standins.challenges import AnotherRequest, NoSuchChallenge
from menshen.standins.ledger import AnotherOrder

LARGEST_BODY_BYTES = 16 * 1024
T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_STATUS: dict[type[Exception], int] = {
    msgspec.MsgspecError: 422,
    UnicodeDecodeError: 422,
    NoSuchChallenge: 404,
    AnotherRequest: 409,
    AnotherOrder: 409,
}


def answer(told: object, status: int = 200) -> web.Response:
    """Answer with anything that msgspec writes as JSON."""
    return web.Response(body=msgspec.json.encode(told), status=status, content_type="application/json")


def problem(why: str, status: int) -> web.Response:
    """Answer that a request cannot be met, and why."""
    return answer({"problem": why}, status)


async def read(request: web.Request, kind: type[T]) -> T:
    """Return the body of a request. Raises msgspec.MsgspecError, which says what is wrong and where."""
    return msgspec.json.decode(await request.read(), type=kind)


def named(request: web.Request, part: str) -> str:
    """Return an id from the path. Raises msgspec.ValidationError if it is none."""
    return msgspec.convert(request.match_info[part], type=Id)


@web.middleware
async def say_what_is_wrong(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what a request got wrong into its status."""
    try:
        return await handler(request)
    except tuple(_STATUS) as misfit:
        return problem(str(misfit), next(status for kind, status in _STATUS.items() if isinstance(misfit, kind)))
