"""Where a worker can be made to end or to stop: named places between its ports and the world.

Nothing of this is in the product: the ports are wrapped before `menshen detect` runs, by `tests.chaos.crashing`.
"""

import functools
from collections.abc import AsyncIterator, Callable
from typing import Any

from aiokafka import AIOKafkaConsumer

from menshen.contract.topics import ASSESSMENTS, VERDICTS
from menshen.detect.loop import Loop
from menshen.shell.kafka.clients import Publisher, Reader
from menshen.shell.redis.store import Store

Passed = Callable[[str], None]
Concerned = Callable[..., bool]
FIRST_CODE = 101
POINTS = (
    "observe.before",
    "observe.after",
    "open.before",
    "open.after",
    "step.after",
    "assessments.before",
    "assessments.after",
    "verdicts.before",
    "verdicts.after",
    "save.before",
    "save.after",
    "commit.after",
    "claim.after",
    "journal.middle",
)
"""In the order of the walk; `verdicts.before` is between the assessments and the verdicts of a batch."""
CODES = {point: FIRST_CODE + number for number, point in enumerate(POINTS)}
"""The exit status of a worker that ended there: none of the product's own, none of a shell's."""


def watch(passed: Passed) -> None:
    """Have `passed` called with the name of every point at every pass."""
    _around(Store, "observe", "observe", passed)
    _around(Store, "open", "open", passed)
    _around(Store, "save", "save", passed)
    _around(Store, "claim", "claim", passed)
    _around(Loop, "_step", "step", passed)
    _around(AIOKafkaConsumer, "commit", "commit", passed)
    for topic, name in ((ASSESSMENTS, "assessments"), (VERDICTS, "verdicts")):
        _around(Publisher, "publish", name, passed, functools.partial(_goes_out, topic))
    _amid_the_journal(passed)


def _around(owner: type, method: str, point: str, passed: Passed, concerned: Concerned = lambda *_: True) -> None:
    original = getattr(owner, method)

    @functools.wraps(original)
    async def trapped(*args: Any, **named: Any) -> Any:
        if not concerned(*args):
            return await original(*args, **named)
        passed(f"{point}.before")
        result = await original(*args, **named)
        passed(f"{point}.after")
        return result

    setattr(owner, method, trapped)


def _goes_out(topic: str, _: Publisher, to: str, __: int, records: object) -> bool:
    return to == topic and bool(records)


def _amid_the_journal(passed: Passed) -> None:
    original = Reader.read

    @functools.wraps(original)
    async def trapped(reader: Reader, topic: str, *where: int) -> AsyncIterator[Any]:
        async for record in original(reader, topic, *where):
            yield record
            if topic == ASSESSMENTS:
                passed("journal.middle")

    Reader.read = trapped  # type: ignore[method-assign]
