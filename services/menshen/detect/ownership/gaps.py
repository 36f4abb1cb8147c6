"""Events that retention took from the log before the state included them: found, and accepted by an operator alone."""

from typing import NamedTuple

from menshen.contract.topics import EVENTS
from menshen.shell.kafka.clients import Reader, partitions_of
from menshen.shell.redis.store import Store
from menshen.shell.settings import DetectSettings


class Gap(NamedTuple):
    """A partition whose log begins at `log_begins`, though the next event to judge would be `position`."""

    partition: int
    position: int
    log_begins: int

    @property
    def n_lost(self) -> int:
        """How many events can never be judged."""
        return self.log_begins - self.position


async def find_gaps(settings: DetectSettings, *, accept: bool) -> list[Gap]:
    """Return the gaps of all partitions; accept them if told to.

    Raises `Unavailable` if Kafka or Redis does not answer; gaps that were accepted by then stay accepted.
    """
    store, reader = Store(settings), Reader(settings)
    try:
        gaps = [gap for number in await partitions_of(settings, EVENTS) if (gap := await _gap(number, store, reader))]
        for gap in gaps if accept else ():
            await store.accept(gap.partition, gap.log_begins - 1)
        return gaps
    finally:
        await reader.stop()
        await store.close()


async def _gap(number: int, store: Store, reader: Reader) -> Gap | None:
    first, _ = await reader.span(EVENTS, number)
    position = await store.mark(number) + 1
    return Gap(number, position, first) if first > position else None
