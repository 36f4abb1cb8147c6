"""Each record of the control topic is taken to heart once, in the order of the log, whoever brings it first."""

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from menshen.detect.control import POLICY_KEY, Control
from menshen.detect.rules import Rulebook
from menshen.fraud.detectors import DETECTORS
from menshen.fraud.policy import parse_policy
from menshen.fraud.step import Rules

SHIPPED = (Path(__file__).parents[3] / "deploy" / "policy" / "default.toml").read_text()


class Log:
    """A control topic of one partition, to be read as a stretch or followed as Faust's stream."""

    def __init__(self, *versions: str, first: int = 0) -> None:
        self.first = first
        self.records = [record(first + at, version) for at, version in enumerate(versions)]

    async def span(self, *_: object) -> tuple[int, int]:
        return self.first, self.first + len(self.records)

    async def read(self, _: str, __: int, start: int, end: int) -> AsyncIterator[Any]:
        for one in self.records:
            if start <= one.offset < end:
                yield one

    async def events(self) -> AsyncIterator[Any]:
        for one in self.records:
            yield SimpleNamespace(message=one)


def record(offset: int, version: str, key: bytes = POLICY_KEY) -> Any:
    value = SHIPPED.replace('"default-1"', f'"{version}"').encode()
    return SimpleNamespace(offset=offset, key=key, value=value)


@pytest.fixture
def rulebook() -> Rulebook:
    codes = [code for detector in DETECTORS for code in detector.codes]
    return Rulebook(Rules("t", DETECTORS, parse_policy(SHIPPED, codes), None))


async def test_the_newest_is_in_force_once_it_has_caught_up(rulebook: Rulebook) -> None:
    await Control(rulebook).catch_up(Log("a", "b", first=7))  # type: ignore[arg-type]
    assert rulebook.current.policy.version == "b"


async def test_who_follows_from_the_beginning_does_not_bring_back_what_was_replaced(rulebook: Rulebook) -> None:
    control, log, were = Control(rulebook), Log("a", "b", "c"), list[str]()
    await control.catch_up(log)  # type: ignore[arg-type]
    for one in (*log.records, record(3, "d")):
        control.apply(one)
        were.append(rulebook.current.policy.version)
    assert were == ["c", "c", "c", "d"]


async def test_catching_up_again_goes_on_where_it_was(rulebook: Rulebook) -> None:
    control, log = Control(rulebook), Log("a")
    await control.catch_up(log)  # type: ignore[arg-type]
    log.records.append(record(1, "b"))
    await control.catch_up(log)  # type: ignore[arg-type]
    assert rulebook.current.policy.version == "b"


async def test_the_stream_brings_what_comes(rulebook: Rulebook) -> None:
    await Control(rulebook).follow(Log("a", "b"))
    assert rulebook.current.policy.version == "b"


def test_other_keys_and_deletions_change_nothing(rulebook: Rulebook) -> None:
    control = Control(rulebook)
    control.apply(record(0, "a", key=b"other"))
    control.apply(SimpleNamespace(offset=1, key=POLICY_KEY, value=None))
    assert rulebook.current.policy.version == "default-1"
