"""What waits leaves once, also where it leaves just while it is looked for."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from sqlalchemy import Connection
from tests.gate.office import Place
from tests.unit.onboard.counter import Counter

from menshen.onboard.sender import Outside, Sender


class SlowService:
    """A service of challenges that answers when it is let to."""

    def __init__(self) -> None:
        self.answers, self.issued = asyncio.Event(), list[str]()

    async def issue(self, challenge_id: str, method: str, *, subject_id: str, device_id: str) -> None:
        self.issued.append(challenge_id)
        await self.answers.wait()


async def test_what_leaves_while_it_is_looked_for_does_not_leave_again(counter: Counter) -> None:
    counter.office.open()
    counter.office.come(Place("a1", "eligibility"))
    counter.answer(Place("a1", "eligibility"))
    counter.office.come(Place("a1", "agreement"))
    desk, service = counter.office.desk, SlowService()
    sender = Sender(desk, cast(Any, None), Outside(*(cast(Any, port) for port in (service, service, None))))
    look = desk.read

    async def look_slowly(work: Callable[[Connection], Any]) -> Any:
        seen = await look(work)
        service.answers.set()
        await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})
        return seen

    async with asyncio.TaskGroup() as tasks:
        assert await sender._services(tasks, "challenge", sender._challenge)
        desk.read = look_slowly  # type: ignore[method-assign]
        assert not await sender._services(tasks, "challenge", sender._challenge)
    assert len(service.issued) == 1
    await counter.office.close()
