"""The detect worker: one process that judges the partitions which the group gives to it."""

import asyncio
import contextlib
import math
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from menshen.contract.topics import EVENTS
from menshen.detect.loop import Loop
from menshen.detect.ownership.group import Membership, still_ours
from menshen.detect.ownership.partition import Partition
from menshen.detect.ownership.takeover import Takeover
from menshen.detect.poison import PoisonWatch
from menshen.shell import metrics
from menshen.shell.errors import Refusal, Stale, StepFailed, Unavailable
from menshen.shell.logs import logger
from menshen.shell.settings import DetectSettings

log = logger(__name__)
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
GAP_PAUSE_S = 30.0
ROUND_S, SILENCE_S = 0.1, 5.0
NOTHING = TopicPartition(EVENTS, -1)
"""No partition, to be asked for: a client that nobody asks leaves the group, and keeps to itself what went wrong."""
COMMIT_S, LEAVE_S = 1.0, 3.0


class Worker:
    """Claims partitions, and drives the loop over each in a task of its own; waits out what is expected to pass.

    `waiting` are partitions that the group gave to this worker and that it has not claimed, with the reason why not.
    """

    def __init__(self, settings: DetectSettings, consumer: AIOKafkaConsumer, loop: Loop, takeover: Takeover) -> None:
        self._settings, self._consumer, self._loop, self._takeover = settings, consumer, loop, takeover
        self._owned: dict[int, Partition] = {}
        self._drives: dict[int, asyncio.Task[None]] = {}
        self.waiting: dict[int, str] = {}
        self._not_before_s: dict[int, float] = {}
        self._pause_s: dict[int, float] = {}
        self._last_save: dict[int, int] = {}
        self._stopping = False
        self.poison = PoisonWatch(settings)

    def owned(self) -> list[Partition]:
        """Return the partitions that are claimed now."""
        return list(self._owned.values())

    async def run(self) -> None:
        """Join the group and work until `stop`; anything unexpected is raised, and nothing is skipped.

        Raises `Refusal` where poison floods in, once everything is saved and the group is left.
        """
        await self._join()
        try:
            try:
                while not self._ends:
                    await self._round()
            finally:
                await self._end_drives()
            await self._let_go(list(self._owned))
        finally:
            with contextlib.suppress(KafkaError, asyncio.TimeoutError):
                await asyncio.wait_for(self._consumer.stop(), LEAVE_S)
        self.poison.refuse_a_flood()

    def stop(self) -> None:
        """Finish the batch in hand, save, commit and leave."""
        self._stopping = True

    async def readiness(self) -> str | None:
        """Answer None if every partition that is ours is claimed and the loop turns, else what is wrong."""
        if self.waiting:
            return "; ".join(f"partition {p}: {why}" for p, why in sorted(self.waiting.items()))
        silent = [n for n, owned in sorted(self._owned.items()) if _now_s() - owned.polled_at_s > SILENCE_S]
        if silent:
            return f"not polled for {SILENCE_S:g} s: {', '.join(f'partition {number}' for number in silent)}"
        return None if self._owned else "no partition is assigned"

    async def broker_answers(self) -> str | None:
        """Answer None if a broker answers now, else what is wrong."""
        if not (assigned := list(self._consumer.assignment())):
            return "no partition is assigned"
        try:
            await self._consumer.end_offsets(assigned[:1])
        except KafkaError as error:
            return f"kafka: {error!r}"
        return None

    async def _join(self) -> None:
        while not self._stopping:
            try:
                await self._consumer.start()
                break
            except KafkaError as error:
                metrics.OUTAGES.labels("kafka").inc()
                log.warning("waiting for Kafka", error=repr(error))
                await asyncio.sleep(1.0)
        self._consumer.subscribe([EVENTS], listener=Membership(self._consumer, self._assigned, self._revoked))

    @property
    def _ends(self) -> bool:
        return self._stopping or self.poison.flooded

    async def _round(self) -> None:
        """Claim what waits; what is claimed is driven meanwhile."""
        for number in list(self.waiting):
            await self._claim(number)
        await self._consumer.getmany(NOTHING, timeout_ms=0, max_records=1)
        await asyncio.sleep(ROUND_S)
        metrics.SUBJECTS.set(sum(len(owned.subjects) for owned in self._owned.values()))

    async def _drive(self, owned: Partition) -> None:
        """Judge what comes on one partition, until it is given away: while it waits, others are judged.

        What comes next is taken from the client while what came before is judged and saved: the client asks a broker
        for more only when all partitions have taken what it brought.
        What is unexpected ends the worker: the others end what they have in hand first. Nobody saves what failed.
        """
        coming = asyncio.create_task(self._fetch(owned.number))
        try:
            while self._owned.get(owned.number) is owned and not self._ends:
                fetched = await coming
                coming = asyncio.create_task(self._fetch(owned.number))
                owned.polled_at_s = _now_s()
                async with owned.busy:
                    if self._owned.get(owned.number) is owned:
                        owned.waiting += [record for record in fetched if record.offset >= owned.position]
                        await self._work(owned)
        except Exception:
            self._owned.pop(owned.number, None)
            self._stopping = True
            raise
        finally:
            coming.cancel()
            await asyncio.wait([coming])

    async def _fetch(self, number: int) -> list[Any]:
        where = TopicPartition(EVENTS, number)
        fetched = await self._consumer.getmany(where, timeout_ms=100, max_records=self._settings.batch_max)
        return list(fetched.get(where, ()))

    async def _end_drives(self) -> None:
        """Let each end what it has in hand; raise what one of them met."""
        self._stopping = True
        for failure in filter(None, await asyncio.gather(*self._drives.values(), return_exceptions=True)):
            raise failure

    async def _work(self, owned: Partition) -> None:
        try:
            if owned.waiting and owned.waiting[0].offset > owned.position:
                await self._takeover.refuse_a_gap(owned)
            while batch := owned.take(self._settings.batch_max):
                published = await self._loop.batch(owned, batch, self._n_partitions())
                self.poison.count(len(batch), len(published.dead))
            if (save := self._save_due(owned.number)) > self._last_save[owned.number]:
                await self._save(owned)
                self._last_save[owned.number] = save
        except StepFailed as failed:
            await self._loop.blame(owned, failed)
            raise
        except Unavailable as outage:
            metrics.OUTAGES.labels(str(outage).split(":")[0]).inc()
            self._forget(owned, str(outage))
        except Stale as stale:
            metrics.STALE.inc()
            self._forget(owned, f"stale: {stale}")
        except Refusal as refusal:
            log.error("degraded", partition=owned.number, why=str(refusal))
            self._forget(owned, str(refusal))

    async def _save(self, owned: Partition) -> None:
        await self._loop.save(owned)
        # Only now: a partition that can be claimed, but not worked on, is tried less and less often.
        self._pause_s.pop(owned.number, None)
        await self._commit(owned)

    async def _commit(self, *saved: Partition) -> None:
        """Tell the group how far it is; it decides nothing, so nothing waits for it for long."""
        with contextlib.suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(COMMIT_S):
                await self._consumer.commit({TopicPartition(EVENTS, owned.number): owned.position for owned in saved})

    async def _claim(self, number: int) -> None:
        """Become the owner of a partition, if it is time and nobody here works on it any more, and drive it."""
        before = self._drives.get(number)
        if self._ends or (before and not before.done()) or _now_s() < self._not_before_s.get(number, 0.0):
            return
        where = TopicPartition(EVENTS, number)
        try:
            if not await still_ours(self._consumer, number, await self._committed(where)):
                self._leave(number)
                return
            owned = await self._takeover.claim(number, self._n_partitions())
        except (Unavailable, Stale) as outage:
            self._postpone(number, str(outage))
            return
        except Refusal as refusal:
            log.error("degraded", partition=number, why=str(refusal))
            self._postpone(number, str(refusal), GAP_PAUSE_S)
            return
        if number in self.waiting and where in self._consumer.assignment():
            self._consumer.seek(where, owned.position)
            self._consumer.resume(where)
            # The first one only when a whole interval is over.
            self._owned[number], self._last_save[number] = owned, self._save_due(number) + 1
            self.waiting.pop(number)
            owned.polled_at_s = _now_s()
            self._drives[number] = asyncio.create_task(self._drive(owned))
        self._count_partitions()

    def _save_due(self, number: int) -> int:
        """Return the number of the save that was due last. Each partition has moments of its own within the interval:
        others wait while Redis takes a snapshot, so no two shall be taken at once.
        """
        intervals = 1000 * _now_s() / self._settings.save_interval_ms
        return math.floor(intervals + number / max(1, self._n_partitions()))

    def _leave(self, number: int) -> None:
        """Believe the group that a partition is not ours, unless it has given it to us again while it was asked."""
        if TopicPartition(EVENTS, number) in self._consumer.assignment():
            self._postpone(number, "the group shares its partitions out anew")
        else:
            self.waiting.pop(number, None)

    async def _committed(self, where: TopicPartition) -> int:
        try:
            return await asyncio.wait_for(self._consumer.committed(where), 5.0) or 0
        except (TimeoutError, KafkaError) as error:
            raise Unavailable(f"kafka: the group does not answer: {error!r}") from error

    def _n_partitions(self) -> int:
        return len(self._consumer.partitions_for_topic(EVENTS) or ())

    def _forget(self, owned: Partition, why: str) -> None:
        """Drop what is in memory; the partition is claimed again, and its journal tells what was published."""
        self._owned.pop(owned.number, None)
        where = TopicPartition(EVENTS, owned.number)
        if where in self._consumer.assignment():
            self._consumer.pause(where)
            self._postpone(owned.number, why)
        self._count_partitions()

    def _postpone(self, number: int, why: str, pause_s: float | None = None) -> None:
        pause_s = pause_s or self._pause_s.get(number, FIRST_PAUSE_S)
        self._pause_s[number] = min(pause_s * 2, LONGEST_PAUSE_S)
        self._not_before_s[number] = _now_s() + pause_s
        self.waiting[number] = why
        self._count_partitions()
        log.warning("waiting", partition=number, why=why, pause_s=pause_s)

    async def _assigned(self, numbers: list[int]) -> None:
        self.waiting |= dict.fromkeys((n for n in numbers if n not in self._owned), "not claimed yet")
        self._count_partitions()

    async def _revoked(self, numbers: list[int]) -> None:
        """Save in good order if that is quick; if it is not, the next owner finds everything in the journal."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.session_timeout_ms / 2000):
                await self._let_go(numbers)
        for number in numbers:
            self._owned.pop(number, None)
            self.waiting.pop(number, None)
        self._count_partitions()

    async def _let_go(self, numbers: list[int]) -> None:
        saved = list[Partition]()
        for owned in [self._owned[n] for n in numbers if n in self._owned]:
            async with owned.busy:
                # Not if the batch in hand failed meanwhile: what is in memory then does not say how far it is.
                if self._owned.get(owned.number) is owned:
                    with contextlib.suppress(Unavailable, Stale):
                        await self._loop.save(owned)
                        saved.append(owned)
                    del self._owned[owned.number]
        if saved:
            await self._commit(*saved)

    def _count_partitions(self) -> None:
        n_degraded = sum("DEGRADED" in why for why in self.waiting.values())
        metrics.PARTITIONS.labels("claimed").set(len(self._owned))
        metrics.PARTITIONS.labels("waiting").set(len(self.waiting) - n_degraded)
        metrics.PARTITIONS.labels("degraded").set(n_degraded)


def _now_s() -> float:
    """Return the event loop's own time: what waits here waits in it."""
    return asyncio.get_running_loop().time()
