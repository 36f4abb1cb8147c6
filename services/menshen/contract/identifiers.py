"""Identifiers that are a function of what they name, so that judging an event again gives the same record."""

import hashlib
from functools import lru_cache
from operator import itemgetter
from struct import Struct

_GROUPS = itemgetter(slice(8), slice(8, 12), slice(12, 16), slice(16, 20), slice(20, 32))
"""Those of a UUID among hexadecimal digits."""
_bytes_of_length = Struct(">I").pack


def record_id(tenant: str, subject_id: str, event_id: str, kind: str) -> str:
    """Return the id of the record of `kind` about an event, written as a UUID."""
    return as_uuid(record_digest(tenant, subject_id, event_id, kind))


def record_digest(tenant: str, subject_id: str, event_id: str, kind: str) -> bytes:
    """Return the same in 16 bytes: 128 bits of SHA-256.

    Each part is preceded by its length, so that no two different lists of parts run together.
    """
    subject, event = subject_id.encode(), event_id.encode()
    subject_length, event_length = _bytes_of_length(len(subject)), _bytes_of_length(len(event))
    parts = (_counted(tenant), subject_length, subject, event_length, event, _counted(kind))
    return hashlib.sha256(b"".join(parts)).digest()[:16]


def as_uuid(digest: bytes) -> str:
    """Return 16 bytes as a UUID is written."""
    return "-".join(_GROUPS(digest.hex()))


@lru_cache(maxsize=64)
def _counted(part: str) -> bytes:
    """Return a part behind its length. What is asked for again and again is kept."""
    encoded = part.encode()
    return _bytes_of_length(len(encoded)) + encoded
