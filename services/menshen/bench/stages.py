"""The stages of the loop, what each may cost, and which function belongs to which."""

from types import CodeType
from typing import NamedTuple

from menshen.fraud.detectors import DETECTORS

BUDGET_US = {
    "fetch": 3.0,
    "decode": 6.0,
    "observe": 5.0,
    "open": 2.0,
    "step": 10.0,
    **{detector.name: 2.0 for detector in DETECTORS},
    "score": 2.0,
    "publish": 6.0,
    "sign": 1.5,
    "save": 4.0,
    "account": 1.0,
    "wire": 3.0,
    "other": 3.0,
}
"""Microseconds of CPU an event, of the mix that `crowd` describes; `docs/performance.md` says why."""

_BY_FUNCTION = {
    ("detect/loop.py", "Loop._observe"): "observe",
    ("detect/loop.py", "Loop._open"): "open",
    ("detect/loop.py", "Loop._step"): "step",
    ("detect/loop.py", "Loop._remember"): "step",
    ("detect/loop.py", "Loop._publish"): "publish",
    ("detect/loop.py", "Loop.save"): "save",
    ("detect/arrivals.py", "decode"): "decode",
    ("detect/account.py", "tell"): "account",
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
