"""What the workflow asks of the services outside: a further proof of the person, and the movement of money."""

from collections.abc import Collection, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Literal, NamedTuple, TypeVar
from urllib.parse import quote

import msgspec
from aiohttp import (
    ClientConnectionError,
    ClientError,
    ClientHandlerType,
    ClientOSError,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ServerDisconnectedError,
)
from msgspec import Struct

from menshen.contract.events import ChallengeMethod
from menshen.contract.identifiers import record_id
from menshen.shell.errors import Unavailable

T = TypeVar("T")
MOST_MONEY = Decimal(10) ** 12
"""The wire has twelve places before the point."""


class Answered(Struct, frozen=True, kw_only=True):
    """What an answer to a challenge led to. `remaining` further ones will be judged; at none, `outcome` is final."""

    outcome: Literal["passed", "failed"]
    remaining: int


class Order(Struct, frozen=True, kw_only=True):
    """A transfer to ask the bank for. `key` is what makes asking again safe; see `transfer_key`."""

    key: str
    application_id: str
    draw_id: str
    payee_ref: str
    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        if not (self.amount.is_finite() and 0 < self.amount < MOST_MONEY and self.amount == round(self.amount, 2)):
            raise ValueError(f"no amount of money to move: {self.amount}")


class Outcome(StrEnum):
    """What became of a transfer's key, once and for all."""

    EXECUTED = "executed"
    REFUSED = "refused"
    VOIDED = "voided"


class Settled(Struct, frozen=True, kw_only=True):
    """What the bank says became of a key; `why` is its reason for refusing."""

    status: Outcome
    why: str | None = None


def transfer_key(tenant: str, application_id: str, draw_id: str) -> str:
    """Return the idempotency key of a draw's transfer: the same however often it is asked for."""
    return record_id(tenant, application_id, draw_id, "transfer")


class Challenges:
    """The service that asks subjects for one kind of proof.

    Every call raises `Unavailable` where there is no answer that can be relied on. Issuing again with the same id is
    safe; answering again may cost one of the tries.
    """

    def __init__(self, session: ClientSession, url: str, *, timeout_s: float) -> None:
        """Take the service's address, and how long one call may take in all."""
        self._service = _Service("challenges", session, url, timeout_s=timeout_s)

    async def issue(self, challenge_id: str, method: ChallengeMethod, *, subject_id: str, device_id: str) -> None:
        """Ask a subject for a proof."""
        wanted = {"method": method, "subject_id": subject_id, "device_id": device_id}
        await self._service.ask("PUT", ("challenges", challenge_id), wanted, expected={200, 201})

    async def answer(self, challenge_id: str, answer: str) -> Answered:
        """Hand on what the subject answered; once the challenge has ended, return how."""
        path = ("challenges", challenge_id, "answers")
        reply = await self._service.ask("POST", path, {"answer": answer}, expected={200, 410})
        return reply.read(Answered)


class Bank:
    """The bank that holds the money.

    Every call raises `Unavailable` where there is no answer that can be relied on: the outcome is unknown then. Asking
    again with the same key is safe, and tells it.
    """

    def __init__(self, session: ClientSession, url: str, *, timeout_s: float) -> None:
        """Take the bank's address, and how long one call may take in all."""
        self._service = _Service("bank", session, url, timeout_s=timeout_s)

    async def transfer(self, order: Order) -> Settled:
        """Have the money moved, once at most."""
        wanted = {
            "application_id": order.application_id,
            "draw_id": order.draw_id,
            "payee_ref": order.payee_ref,
            "amount": f"{order.amount:.2f}",
            "currency": order.currency,
        }
        reply = await self._service.ask("PUT", ("transfers", order.key), wanted, expected=_MEANS)
        settled = reply.read(Settled)
        if settled.status is not _MEANS[reply.status]:
            raise Unavailable(f"bank: answered {reply.status}, and says {settled.status}")
        return settled

    async def void(self, key: str) -> Settled:
        """Close a key for good, unless the bank has settled it already; return what it is now."""
        return (await self._service.ask("POST", ("transfers", key, "void"), {}, expected={200})).read(Settled)


_MEANS = {200: Outcome.EXECUTED, 201: Outcome.EXECUTED, 410: Outcome.VOIDED, 422: Outcome.REFUSED}


class _Reply(NamedTuple):
    service: str
    status: int
    body: bytes

    def read(self, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(self.body, type=kind)
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise Unavailable(f"{self.service}: answered {self.status}, and nothing to rely on: {error}") from None


class _Service:
    """One address, and a rule: whatever was not expected says nothing about the outcome."""

    def __init__(self, name: str, session: ClientSession, url: str, *, timeout_s: float) -> None:
        self._name, self._session, self._url = name, session, url.rstrip("/")
        self._timeout = ClientTimeout(total=timeout_s)

    async def ask(self, verb: str, path: Sequence[str], body: object, *, expected: Collection[int]) -> _Reply:
        try:
            async with self._session.request(
                verb,
                self._at(path),
                data=msgspec.json.encode(body),
                headers={"Content-Type": "application/json"},
                timeout=self._timeout,
                # A redirect would turn a PUT into a GET.
                allow_redirects=False,
                middlewares=(_once,),
            ) as response:
                reply = _Reply(self._name, response.status, await response.read())
        except (ClientError, OSError) as error:  # a time that is over is an OSError
            raise Unavailable(f"{self._name}: no answer: {error!r}") from error
        if reply.status not in expected:
            raise Unavailable(f"{self._name}: answered {reply.status}")
        return reply

    def _at(self, path: Sequence[str]) -> str:
        return "/".join([self._url, *(quote(part, safe="") for part in path)])


async def _once(request: ClientRequest, send: ClientHandlerType) -> ClientResponse:
    """Send a request once: aiohttp by itself repeats a PUT whose connection broke, and nobody would know."""
    try:
        return await send(request)
    except (ClientOSError, ServerDisconnectedError) as error:
        raise ClientConnectionError(str(error)) from error
