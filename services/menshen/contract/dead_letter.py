"""Why a record could not be judged, and how the dead-letter topic says so."""

from enum import StrEnum


class RejectReason(StrEnum):
    """Stable codes, found in the `reason` header of a dead letter."""

    OVERSIZED = "OVERSIZED"
    """More than 16 KB; it was not parsed."""
    MALFORMED = "MALFORMED"
    """Not UTF-8, not JSON (NaN and Infinity are not), nested too deep, or no value at all."""
    DUPLICATE_KEY = "DUPLICATE_KEY"
    """One object names a field twice: two readers could understand two different events."""
    UNKNOWN_TYPE = "UNKNOWN_TYPE"
    """`type` is none of the families."""
    UNKNOWN_VERSION = "UNKNOWN_VERSION"
    """A major version that this release does not speak."""
    INVALID = "INVALID"
    """A field is missing, of the wrong type or out of range."""
    MISROUTED = "MISROUTED"
    """No key, a key that is not the subject, or a partition that is not the key's."""
    ID_REUSE = "ID_REUSE"
    """The event's id was seen before with another content."""
    QUARANTINED = "QUARANTINED"
    """The worker crashed on this record time and again."""


REASON_HEADER = "reason"
DETAIL_HEADER = "detail"
SOURCE_HEADER = "source"
"""`topic/partition/offset` of the record; the dead letter's identity."""
CUT = "cut from"
"""How the detail of a dead letter begins whose value is not all of the record's."""
REPLAYED_FROM_HEADER = "menshen-replayed-from"
"""On a record that was sent again: `partition/offset` of the dead letter that it was."""
