"""Scripts that are called at one moment travel to Redis together: a journey costs more than what it carries.

Partitions are judged side by side, so that their calls meet here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple, TypeVar

from redis.asyncio import Redis
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

_WAIT_FOR = (ConnectionError, TimeoutError, BusyLoadingError, OutOfMemoryError, ReadOnlyError, OSError)
_WAIT_FOR_TEXTS = ("MISCONF", "LOADING", "OOM", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN")
R = TypeVar("R")


class _Call(NamedTuple):
    script: AsyncScript
    keys: list[Any]
    args: list[Any]
    reply: "asyncio.Future[Any]"


class Journeys:
    """Carries calls of scripts: all that are made before the event loop's next turn, together. None is repeated."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: list[_Call] = []
        self._under_way = set[asyncio.Task[None]]()

    def call(self, script: AsyncScript, keys: list[Any], args: list[Any]) -> "asyncio.Future[Any]":
        """Return what will be a script's reply, or `Unavailable` where Redis does not answer or cannot write now."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._depart)
        reply = loop.create_future()
        self._waiting.append(_Call(script, keys, args, reply))
        return reply

    def _depart(self) -> None:
        calls, self._waiting = self._waiting, []
        task = asyncio.get_running_loop().create_task(self._carry(calls))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _carry(self, calls: list[_Call]) -> None:
        try:
            replies = await self._replies(calls)
        except Exception as error:  # noqa: BLE001  # whoever called hears of it
            replies = [error] * len(calls)
        for call, reply in zip(calls, replies, strict=True):
            if call.reply.done():
                continue
            if isinstance(reply, Exception):
                call.reply.set_exception(told(reply))
            else:
                call.reply.set_result(reply)

    async def _replies(self, calls: list[_Call]) -> list[Any]:
        replies = await self._together(calls, with_text=False)
        unknown = [at for at, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if unknown:
            again = await self._together([calls[at] for at in unknown], with_text=True)
            for at, reply in zip(unknown, again, strict=True):
                replies[at] = reply
        return replies

    async def _together(self, calls: Iterable[_Call], *, with_text: bool) -> list[Any]:
        """Call scripts by their digests, or by their texts, which a server can never say that it has forgotten."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            for script, keys, args, _ in calls:
                run, name = (pipeline.eval, str(script.script)) if with_text else (pipeline.evalsha, script.sha)
                run(name, len(keys), *keys, *args)
            replies: list[Any] = await pipeline.execute(raise_on_error=False)
        return replies


async def guarded(call: Callable[[], Awaitable[R]]) -> R:
    """Await a call, and tell an outage, which passes, from a mistake, which does not."""
    try:
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
