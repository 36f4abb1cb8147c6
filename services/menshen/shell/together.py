"""What is asked for at one moment is done together: a round of many costs little more than a round of one."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class _Asked(NamedTuple, Generic[Asked, Answer]):
    what: Asked
    answer: "asyncio.Future[Answer]"


class Together(Generic[Asked, Answer]):
    """Does together all that is asked for before the event loop's next turn, and several such rounds side by side.

    `do` takes what was asked for, in its order, and returns as many answers; an answer that is an exception is raised
    where it was asked for, and one that `do` raises wherever. Of what weighs more than `limit` in all, the rest
    goes into rounds of its own.
    """

    def __init__(
        self,
        do: Callable[[list[Asked]], Awaitable[Sequence[Answer | BaseException]]],
        weigh: Callable[[Asked], int] = lambda _: 0,
        limit: int = 0,
    ) -> None:
        self._do, self._weigh, self._limit = do, weigh, limit
        self._waiting: list[_Asked[Asked, Answer]] = []
        self._under_way = set[asyncio.Task[None]]()

    def ask(self, what: Asked) -> "asyncio.Future[Answer]":
        """Return what will be the answer."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._begin)
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append(_Asked(what, answer))
        return answer

    def _begin(self) -> None:
        waiting, self._waiting = self._waiting, []
        for asked in self._rounds(waiting):
            task = asyncio.get_running_loop().create_task(self._round(asked))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    def _rounds(self, waiting: list[_Asked[Asked, Answer]]) -> Iterator[list[_Asked[Asked, Answer]]]:
        begin, weight = 0, 0
        for at, asked in enumerate(waiting):
            weight += (weighs := self._weigh(asked.what))
            if at > begin and weight > self._limit:
                yield waiting[begin:at]
                begin, weight = at, weighs
        yield waiting[begin:]

    async def _round(self, asked: list[_Asked[Asked, Answer]]) -> None:
        answers: Sequence[Answer | BaseException]
        try:
            answers = await self._do([each.what for each in asked])
        except Exception as error:  # noqa: BLE001  # whoever asked hears of it
            answers = [error] * len(asked)
        for each, answer in zip(asked, answers, strict=True):
            # Who was cancelled waits no more.
            if each.answer.done():
                continue
            if isinstance(answer, BaseException):
                each.answer.set_exception(answer)
            else:
                each.answer.set_result(answer)
