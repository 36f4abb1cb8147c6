"""Who else was seen on a device or at an address, in a sorted set each: what an application asks of Redis per event."""

from typing import Any

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
MOST = 256


def windows(pipeline: Any, kind: str, name: str, subject_id: str, now_ms: int) -> None:
    """Add a subject, keep the newest, and count those of an hour and of a day: four replies."""
    key = f"{kind}:{name}"
    pipeline.zadd(key, {subject_id: now_ms})
    pipeline.zremrangebyrank(key, 0, -MOST - 1)
    pipeline.zcount(key, now_ms - HOUR_MS, now_ms)
    pipeline.zcount(key, now_ms - DAY_MS, now_ms)
