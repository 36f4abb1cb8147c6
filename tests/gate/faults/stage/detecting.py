"""Detect, and its bad days: late, silent, saying everything twice, taking an allow back, perhaps before it has come."""

import asyncio
from typing import Any

from msgspec.structs import replace
from tests.gate.faults.stage.broker import Broker
from tests.gate.faults.stage.virtual import clock_ms
from tests.gate.faults.stage.weather import Weather
from tests.gate.signing import Detect, verdict_on

from menshen.contract.decoding import decode_event
from menshen.contract.events import Checkpoint
from menshen.contract.identifiers import record_id
from menshen.contract.topics import EVENTS
from menshen.contract.verdict import Decision, Verdict
from menshen.loan.path import TRANSFER
from menshen.onboard.verdicts import Record

ANSWERS: dict[Decision, int] = {"allow": 74, "step_up": 12, "review": 9, "block": 5}


class Answering:
    """Answers each question once, however often it is in the log; `said` is all that it ever signed, by its id."""

    def __init__(self, broker: Broker, detect: Detect, weather: Weather) -> None:
        self._broker, self._detect, self._weather = broker, detect, weather
        self.asked: dict[str, Checkpoint] = {}
        self.said: dict[str, Verdict] = {}
        self._tasks = set[asyncio.Task[Any]]()

    async def follow(self) -> None:
        """Read the questions, for ever."""
        n_read = 0
        while True:
            log = self._broker.logs[EVENTS]
            for record in log[n_read:]:
                event = decode_event(record.value)
                if isinstance(event, Checkpoint) and event.event_id not in self.asked:
                    self.asked[event.event_id] = event
                    self._tasks.add(asyncio.create_task(self._answer(event)))
            n_read = len(log)
            await asyncio.sleep(0.02)

    @property
    def busy(self) -> bool:
        """Whether it has something to say still."""
        return not all(task.done() for task in self._tasks)

    async def close(self) -> None:
        """Say nothing more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _answer(self, asked: Checkpoint) -> None:
        climate, chance = self._weather.climate, self._weather.chance
        if not self._weather.clear and self._weather.happens(climate.silent):
            return
        late = self._weather.happens(climate.late)
        await asyncio.sleep(chance.uniform(1, 8) if late else chance.uniform(0.02, 0.3))
        decision = chance.choices(list(ANSWERS), list(ANSWERS.values()))[0]
        if decision == "block" and asked.step != TRANSFER:
            decision = "allow"
        now_ms = clock_ms()
        verdict = replace(verdict_on(asked, decision, now_ms), expires_ms=now_ms + climate.allow_holds_ms)
        revoked = decision == "allow" and self._weather.happens(climate.revoked)
        if revoked and self._weather.happens(20):
            await self._say(_revocation_of(verdict, now_ms))
        await self._say(verdict)
        if revoked:
            await asyncio.sleep(chance.uniform(0, 3))
            await self._say(_revocation_of(verdict, now_ms))

    async def _say(self, verdict: Verdict) -> None:
        self.said[verdict.verdict_id] = verdict
        signed = self._detect.sign(verdict)
        n_times = 2 if self._weather.happens(self._weather.climate.repeated) else 1
        for _ in range(n_times):
            self._broker.verdicts.append(Record(signed.value, signed.headers, clock_ms()))
            await asyncio.sleep(self._weather.chance.uniform(0, 2) if n_times > 1 else 0)


def _revocation_of(allow: Verdict, now_ms: int) -> Verdict:
    named = record_id("t", allow.subject_id, allow.verdict_id, "revoke")
    changes: dict[str, Any] = {"kind": "revoke", "decision": "block", "revokes": allow.verdict_id}
    return replace(allow, verdict_id=named, decided_ms=now_ms, **changes)
