"""Scripts that are called at one moment travel to Redis together: a journey costs more than what it carries.

Partitions are judged in rounds side by side, so that their calls meet here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import hiredis
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.commands.core import AsyncScript
from redis.exceptions import (
    BusyLoadingError,
    ConnectionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TimeoutError,
)

from menshen.shell.errors import Unavailable
from menshen.shell.together import Together

_WAIT_FOR = (ConnectionError, TimeoutError, BusyLoadingError, OutOfMemoryError, ReadOnlyError, OSError)
_WAIT_FOR_TEXTS = ("MISCONF", "LOADING", "OOM", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN")
CALL_TIMEOUT_S = 5.0
R = TypeVar("R")


class _Call(NamedTuple):
    script: AsyncScript
    keys: list[Any]
    args: list[Any]


class Journeys:
    """Carries calls of scripts: all that are made before the event loop's next turn, together. None is repeated.

    They go by connections of their own from the client's pool, kept from one journey to the next: the client's
    pipelines cost some 50 us of CPU more each.
    """

    def __init__(self, redis: Redis) -> None:
        self._pool = redis.connection_pool
        self._idle: list[AbstractConnection] = []
        self._together = Together(self._replies)

    def call(self, script: AsyncScript, keys: list[Any], args: list[Any]) -> "asyncio.Future[Any]":
        """Return what will be a script's reply, or `Unavailable` where Redis does not answer or cannot write now."""
        return self._together.ask(_Call(script, keys, args))

    async def _replies(self, calls: list[_Call]) -> list[Any]:
        replies = await guarded(lambda: self._carried(calls))
        return [told(reply) if isinstance(reply, Exception) else reply for reply in replies]

    async def _carried(self, calls: list[_Call]) -> list[Any]:
        replies = await self._carry(calls, with_text=False)
        unknown = [at for at, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if unknown:
            again = await self._carry([calls[at] for at in unknown], with_text=True)
            for at, reply in zip(unknown, again, strict=True):
                replies[at] = reply
        return replies

    async def _carry(self, calls: Sequence[_Call], *, with_text: bool) -> list[Any]:
        """Call scripts by their digests, or by their texts, which a server can never say that it has forgotten.

        A connection that something went wrong on may hold answers that nobody waits for any more, so it is made anew.
        """
        packed = b"".join(_packed(call, with_text=with_text) for call in calls)
        connection = self._idle.pop() if self._idle else await self._fresh()
        try:
            await self._pool.ensure_connection(connection)
            await connection.send_packed_command(packed)
            return [await _reply(connection) for _ in calls]
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        finally:
            self._idle.append(connection)

    async def _fresh(self) -> AbstractConnection:
        made: AbstractConnection = await self._pool.get_connection()  # type: ignore[no-untyped-call]  # as it is there
        return made


def _packed(call: _Call, *, with_text: bool) -> bytes:
    name, script = ("EVAL", str(call.script.script)) if with_text else ("EVALSHA", call.script.sha)
    packed: bytes = hiredis.pack_command((name, script, len(call.keys), *call.keys, *call.args))
    return packed


async def _reply(connection: AbstractConnection) -> Any:
    """Return a reply, also one that says what is wrong with its call: others come behind it."""
    try:
        return await connection.read_response()
    except ResponseError as refusal:
        return refusal


async def guarded(call: Callable[[], Awaitable[R]]) -> R:
    """Await a call, not for ever, and tell an outage, which passes, from a mistake, which does not."""
    try:
        async with asyncio.timeout(CALL_TIMEOUT_S):
            return await call()
    except Exception as error:
        outage = told(error)
        if outage is error:
            raise
        raise outage from error


def told(error: Exception) -> Exception:
    """Return `Unavailable` for an outage, and any other error as it is."""
    if isinstance(error, _WAIT_FOR):
        return Unavailable(f"redis: {type(error).__name__}: {error}")
    if isinstance(error, ResponseError) and str(error).startswith(_WAIT_FOR_TEXTS):
        return Unavailable(f"redis: {error}")
    return error
