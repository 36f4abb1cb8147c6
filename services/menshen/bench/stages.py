"""The stages of the loop, what each may cost, and which function belongs to which."""

from types import CodeType
from typing import NamedTuple

from menshen.fraud.detectors import DETECTORS

BUDGET_US = {
    "fetch": 2.0,
    "decode": 4.5,
    "redis": 2.5,
    "observe": 1.0,
    "open": 1.0,
    "step": 5.5,
    "new_device": 0.4,
    "shared_device": 0.3,
    "impossible_travel": 0.8,
    "gps_ip_mismatch": 0.3,
    "mocked_location": 0.2,
    "typing_rhythm": 2.0,
    "inhuman_typing": 1.2,
    "failed_logins": 0.2,
    "night_device_switching": 0.2,
    "score": 0.9,
    "publish": 3.0,
    "sign": 0.8,
    "save": 1.5,
    "account": 0.3,
    "wire": 0.9,
    "other": 0.5,
}
"""Microseconds of CPU an event, on average over the mix of `crowd`; together what one event may cost."""

_BY_FUNCTION = {
    ("detect/loop.py", "Loop._observe"): "observe",
    ("detect/loop.py", "Loop._open"): "open",
    ("detect/loop.py", "Loop._step"): "step",
    ("detect/loop.py", "Loop._remember"): "step",
    ("detect/loop.py", "Loop._publish"): "publish",
    ("detect/loop.py", "Loop.save"): "save",
    ("detect/arrivals.py", "decode"): "decode",
    ("detect/account.py", "tell"): "account",
    ("shell/redis/journey.py", "Journeys._replies"): "redis",
    ("shell/signing.py", "Signer.headers"): "sign",
    ("fraud/model.py", "Model.score"): "score",
}
_BY_LIBRARY = {
    "/aiokafka/consumer/": "fetch",
    "/aiokafka/producer/": "publish",
    "/aiokafka/": "wire",
}
_DETECTORS = {detector.name for detector in DETECTORS}


class Stage(NamedTuple):
    """What a stage cost, beside what it may."""

    name: str
    us: float
    budget_us: float

    @property
    def over(self) -> bool:
        """Say whether it cost more than it may."""
        return self.us > self.budget_us


def stage_of(code: CodeType) -> str | None:
    """Return the stage that a function alone decides, or None: then whoever called it does."""
    folder, _, file = code.co_filename.rpartition("/menshen/")
    if folder:
        name = file.rpartition("/")[2].removesuffix(".py")
        return name if name in _DETECTORS else _BY_FUNCTION.get((file, code.co_qualname))
    return next((stage for where, stage in _BY_LIBRARY.items() if where in code.co_filename), None)
