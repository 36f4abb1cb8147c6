"""The same detectors in Quix Streams with redis-py, as its manual writes a streaming dataframe; at least once."""

from typing import Any

import redis
from quixstreams import Application, message_context
from tests.bench.contestants.asked import asked
from tests.bench.contestants.judging import Judge
from tests.bench.contestants.seen import windows

RAW = {"key_deserializer": "bytes", "value_deserializer": "bytes"}
WRITTEN = {"key_serializer": "bytes", "value_serializer": "bytes"}


def run(given: Any) -> None:
    """Read and produce until the process is ended."""
    app = Application(
        broker_address=given.kafka,
        consumer_group=given.group,
        auto_offset_reset="latest" if given.latest else "earliest",
        processing_guarantee="at-least-once",
        auto_create_topics=False,
        loglevel="WARNING",
    )
    store, judge = redis.Redis.from_url(given.redis), Judge()

    def assess(value: bytes, _: bytes, timestamp_ms: int, __: Any) -> Any:
        event = judge.decode(value)
        seen = dict[str, int]()
        for kind, name in (("device", event.device_id), ("ip", getattr(event, "ip", None))):
            if name is not None:
                together = store.pipeline(transaction=False)
                windows(together, kind, name, event.subject_id, timestamp_ms)
                _, _, hour, day = together.execute()
                seen |= {f"{kind}_subjects_1h": hour, f"{kind}_subjects_1d": day}
        key = f"s:{event.subject_id}"
        judged = judge.judge(event, store.get(key), value, (message_context().offset, timestamp_ms), seen)
        store.set(key, judged.blob)
        return judged

    judged = app.dataframe(app.topic(given.events, **RAW)).apply(assess, metadata=True)
    judged.apply(lambda one: one.assessment).to_topic(app.topic(given.out, **WRITTEN))
    verdicts = judged.apply(lambda one: one.verdicts, expand=True)
    verdicts = verdicts.set_headers(lambda one, *_: one[1]).apply(lambda one: one[0])
    verdicts.to_topic(app.topic(given.verdicts, **WRITTEN))
    app.run()


if __name__ == "__main__":
    run(asked(__doc__).parse_args())
