"""The same detectors in an ordinary Faust agent with redis-py: one event at a time, as Faust's manual writes agents.

Faust acknowledges an event when the agent's body has ended; nothing here guards against what that loses or doubles.
"""

import sys
from typing import Any

import faust
import redis.asyncio
from tests.bench.contestants.asked import asked
from tests.bench.contestants.judging import Judge
from tests.bench.contestants.seen import windows


def app_of(given: Any) -> faust.App:
    """Return the application with its one agent."""
    app = faust.App(
        given.group,
        broker=f"kafka://{given.kafka}",
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        value_serializer="raw",
        key_serializer="raw",
        consumer_auto_offset_reset="latest" if given.latest else "earliest",
    )
    events = app.topic(given.events, key_type=bytes, value_type=bytes)
    out = app.topic(given.out, key_type=bytes, value_type=bytes)
    verdicts = app.topic(given.verdicts, key_type=bytes, value_type=bytes)
    store, judge = redis.asyncio.Redis.from_url(given.redis), Judge()

    @app.agent(events)
    async def assess(stream: Any) -> None:
        async for record in stream.events():
            event = judge.decode(record.value)
            seen = await observed(store, event, int(record.message.timestamp * 1000))
            key = f"s:{event.subject_id}"
            place = record.message.offset, int(record.message.timestamp * 1000)
            judged = judge.judge(event, await store.get(key), record.value, place, seen)
            await out.send(key=record.key, value=judged.assessment)
            for value, headers in judged.verdicts:
                await verdicts.send(key=record.key, value=value, headers=dict(headers))
            await store.set(key, judged.blob)

    return app


async def observed(store: Any, event: Any, now_ms: int) -> dict[str, int]:
    """Add the subject to what was seen on its device and address, and count who was."""
    seen: dict[str, int] = {}
    for kind, name in (("device", event.device_id), ("ip", getattr(event, "ip", None))):
        if name is None:
            continue
        async with store.pipeline(transaction=False) as together:
            windows(together, kind, name, event.subject_id, now_ms)
            _, _, hour, day = await together.execute()
        seen |= {f"{kind}_subjects_1h": hour, f"{kind}_subjects_1d": day}
    return seen


if __name__ == "__main__":
    options = asked(__doc__).parse_args()
    sys.argv[1:] = ["worker", "--without-web", "-l", "warn"]
    app_of(options).main()
