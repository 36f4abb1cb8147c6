"""What lies outside the office: the wire on which detect hears it, and the bank, with a log of what was sent there."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, cast

from aiohttp import ClientSession, TraceConfig, TraceRequestStartParams
from tests.gate.office import Clock, Office
from tests.servers.standins import Standins

from menshen.contract.decoding import decode_event
from menshen.contract.events import Checkpoint
from menshen.contract.topics import EVENTS
from menshen.onboard.ports import Bank, Challenges
from menshen.onboard.sender import Outside, Sender
from menshen.shell.kafka.clients import Outgoing, Publisher

PATIENCE_S = 20.0
MOST = 16


class Told(NamedTuple):
    """An order that left for the bank, and when by the office's clock."""

    at_ms: int
    key: str


class Wire:
    """In the broker's place: what is published is heard at once."""

    def __init__(self) -> None:
        self.asked: dict[str, Checkpoint] = {}
        """Every question, by its id, in the order in which they were asked."""

    async def n_partitions(self, topic: str) -> int:
        return 1

    async def publish(self, topic: str, partition: int, records: Sequence[Outgoing]) -> None:
        for record in records if topic == EVENTS else ():
            event = decode_event(record.value)
            if isinstance(event, Checkpoint):
                self.asked[event.event_id] = event


class Street:
    """Carries what the office has written down to where it belongs."""

    def __init__(self, office: Office, standins: Standins, session: ClientSession, told: list[Told]) -> None:
        self.standins, self.told, self.wire = standins, told, Wire()
        challenges = Challenges(session, standins.otp_url, timeout_s=PATIENCE_S)
        bank = Bank(session, standins.bank_url, timeout_s=PATIENCE_S)
        self._sender = Sender(office.desk, cast(Publisher, self.wire), Outside(challenges, challenges, bank))

    async def publish(self) -> None:
        """Publish what waits to be."""
        while await self._sender._records():
            pass

    async def pay(self) -> int:
        """Try every payment that waits once, one after the other; return how many orders left for the bank."""
        before = len(self.told)
        for parcel in await self._sender._take(("payment",), MOST):
            await self._sender._try(parcel, self._sender._payment)
        return len(self.told) - before


@asynccontextmanager
async def street(office: Office, standins: Standins) -> AsyncIterator[Street]:
    """Open the street; the sender goes by the office's clock only if the test says so."""
    told = list[Told]()
    async with ClientSession(trace_configs=[_log(office.clock, told)]) as session:
        yield Street(office, standins, session, told)


def _log(clock: Clock, told: list[Told]) -> TraceConfig:
    async def note(_: ClientSession, __: Any, sent: TraceRequestStartParams) -> None:
        if sent.method == "PUT":
            told.append(Told(clock.now_ms, sent.url.name))

    config = TraceConfig()
    config.on_request_start.append(note)
    return config
