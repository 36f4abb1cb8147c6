"""Sends what the outbox holds: records to Kafka in their order, challenges and payments to the services outside."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import NamedTuple
from uuid import uuid4

import msgspec

from menshen.contract.routing import partition_of
from menshen.contract.topics import EVENTS, ONBOARDING
from menshen.onboard import paying
from menshen.onboard.acting import ChallengeOrder
from menshen.onboard.desk import Desk, clock_ms
from menshen.onboard.paying import Instruction
from menshen.onboard.ports import Bank, Challenges, Settled
from menshen.onboard.sql import outbox
from menshen.onboard.sql.outbox import Kind, Parcel
from menshen.shell import metrics
from menshen.shell.errors import Unavailable
from menshen.shell.kafka.clients import Outgoing, Publisher
from menshen.shell.logs import logger

log = logger(__name__)
TOPICS: dict[Kind, str] = {"event": EVENTS, "onboarding": ONBOARDING}
LOOK_S, OUTAGE_S, LONGEST_PAUSE_S = 0.25, 0.5, 30.0
MOST, MOST_AT_ONCE = 200, 16
LEASE = "sender"


class Outside(NamedTuple):
    """The services outside."""

    otp: Challenges
    face: Challenges
    bank: Bank


class Sender:
    """Three loops, so that a slow bank holds up no question. One process sends at a time."""

    def __init__(self, desk: Desk, publisher: Publisher, outside: Outside) -> None:
        self._desk, self._publisher, self._outside = desk, publisher, outside
        self._name = str(uuid4())
        self._leased_until_ms = 0
        self._in_hand = set[int]()
        self._stopping = False

    async def run(self) -> None:
        """Send until `stop`; what could not be sent is tried again, anything unexpected is raised."""
        async with asyncio.TaskGroup() as tasks:
            challenges = partial(self._services, tasks, "challenge", self._challenge)
            payments = partial(self._services, tasks, "payment", self._payment)
            tasks.create_task(self._loop(self._records, "event", "onboarding"))
            tasks.create_task(self._loop(challenges, "challenge"))
            tasks.create_task(self._loop(payments, "payment"))

    def stop(self) -> None:
        """Finish what is in hand."""
        self._stopping = True

    async def _loop(self, send_some: Callable[[], Awaitable[bool]], *kinds: Kind) -> None:
        put = self._desk.watch(*kinds)
        while not self._stopping:
            put.clear()
            try:
                more = await send_some()
            except Unavailable as outage:
                metrics.OUTAGES.labels(str(outage).split(":")[0]).inc()
                log.warning("waiting", why=str(outage))
                await asyncio.sleep(OUTAGE_S)
                continue
            if not more:
                with contextlib.suppress(TimeoutError):
                    # What other processes write, and what is tried again, is found by looking.
                    await asyncio.wait_for(put.wait(), LOOK_S)

    async def _take(self, kinds: Sequence[Kind], most: int) -> list[Parcel]:
        parcels = await self._desk.read(lambda c: outbox.waiting(c, kinds, clock_ms(), most))
        for kind in kinds:
            metrics.OUTBOX.labels(kind).set(sum(parcel.kind == kind for parcel in parcels))
        return parcels if parcels and await self._may_send() else []

    async def _may_send(self) -> bool:
        """Say whether this process is the one that sends; a lease in its second half is prolonged."""
        now_ms = clock_ms()
        if self._leased_until_ms - now_ms < outbox.LEASE_MS // 2:
            held = await self._desk.run(lambda c: outbox.hold_lease(c, LEASE, self._name, now_ms))
            self._leased_until_ms = now_ms + outbox.LEASE_MS if held else 0
        return now_ms < self._leased_until_ms

    async def _records(self) -> bool:
        """Publish what waits, and say whether there may be more."""
        parcels = await self._take(("event", "onboarding"), MOST)
        for kind, topic in TOPICS.items():
            await self._publish(topic, [parcel for parcel in parcels if parcel.kind == kind])
        return len(parcels) == MOST

    async def _publish(self, topic: str, parcels: Sequence[Parcel]) -> None:
        """Publish records in their order within each partition, wait until they are in the log, and mark them."""
        if not parcels:
            return
        n_partitions = await self._publisher.n_partitions(topic)
        by_partition = dict[int, list[Outgoing]]()
        for parcel in parcels:
            key = parcel.key.encode()
            by_partition.setdefault(partition_of(key, n_partitions), []).append(Outgoing(key, parcel.body))
        await asyncio.gather(*(self._publisher.publish(topic, p, records) for p, records in by_partition.items()))
        numbers = [parcel.number for parcel in parcels]
        await self._desk.run(lambda c: outbox.mark_sent(c, numbers, clock_ms()))

    async def _services(self, tasks: asyncio.TaskGroup, kind: Kind, send: Callable[[Parcel], Awaitable[None]]) -> bool:
        """Begin to send what is not in hand yet, each by itself: one that hangs holds up no other.

        Say whether some was begun: there may be more.
        """
        in_hand = frozenset(self._in_hand)  # as it was before the look: what has been sent since was still seen to wait
        waiting = [parcel for parcel in await self._take((kind,), MOST) if parcel.number not in in_hand]
        begun = waiting[: max(0, MOST_AT_ONCE - len(self._in_hand))]
        for parcel in begun:
            self._in_hand.add(parcel.number)
            tasks.create_task(self._try(parcel, send))
        return bool(begun)

    async def _try(self, parcel: Parcel, send: Callable[[Parcel], Awaitable[None]]) -> None:
        try:
            await send(parcel)
        except Unavailable as outage:
            metrics.OUTAGES.labels(parcel.kind).inc()
            log.warning("not sent", kind=parcel.kind, n_tries=parcel.n_tries + 1, why=str(outage))
            await self._postpone(parcel)
        finally:
            self._in_hand.discard(parcel.number)

    async def _postpone(self, parcel: Parcel) -> None:
        later_ms = clock_ms() + int(1000 * min(LONGEST_PAUSE_S, OUTAGE_S * 2 ** min(parcel.n_tries, 10)))
        with contextlib.suppress(Unavailable):  # then it is tried again at once, and waits for the database there
            await self._desk.run(lambda c: outbox.postpone(c, parcel, later_ms))

    async def _challenge(self, parcel: Parcel) -> None:
        order = msgspec.json.decode(parcel.body, type=ChallengeOrder)
        service = self._outside.face if order.method == "face" else self._outside.otp
        await service.issue(order.challenge_id, order.method, subject_id=order.subject_id, device_id=order.device_id)
        await self._desk.run(lambda c: outbox.mark_sent(c, [parcel.number], clock_ms()))

    async def _payment(self, parcel: Parcel) -> None:
        told = await self._desk.run(lambda c: paying.begin(c, self._desk.actor, parcel, clock_ms()))
        if told is not None:
            settled = await self._tell(told)
            await self._desk.run(lambda c: paying.settle(c, self._desk.actor, parcel, settled, clock_ms()))

    async def _tell(self, told: Instruction) -> Settled:
        # Once more, and as late as can be: whatever has held this process up, an expired allow moves nothing.
        if told.void or clock_ms() >= told.expires_ms:
            return await self._outside.bank.void(told.order.key)
        return await self._outside.bank.transfer(told.order)
