"""One event together with all else that is known when it is judged; what is not in here cannot sway the judgement."""

from msgspec import Struct

from menshen.contract.assessment import Observed
from menshen.contract.events import Checkpoint, Device, Envelope, Event, Login

LATE_MS = 5 * 60_000
"""An event that arrives later than this after it occurred is deferred."""
SHOWING: frozenset[type[Envelope]] = frozenset([Login, Device, Checkpoint])
"""The families that show who is on a device or at an address. They alone add to what partitions share, and are told
its counts; the telemetry between them comes from the same device, by the hundred."""


class Sighting(Struct, frozen=True, gc=False):
    """An event as it stands in the log.

    `offset` is its place in the partition, `appended_ms` the broker's time of it (attack windows run on this clock),
    `content_crc` the CRC-32 of its bytes, `observed` what the shared state answered for it.
    """

    event: Event
    offset: int
    appended_ms: int
    content_crc: int
    observed: Observed

    @property
    def deferred(self) -> bool:
        """Say whether the event came so late that it may make things worse, but never better."""
        return self.appended_ms - self.event.occurred_ms > LATE_MS

    @property
    def teaches(self) -> bool:
        """Say whether detectors may learn from it: somebody vouches for the person, and it is not deferred."""
        event = self.event
        return event.assurance != "claimed" and self.appended_ms - event.occurred_ms <= LATE_MS
