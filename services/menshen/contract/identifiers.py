"""Identifiers that are a function of what they name, so that judging an event again gives the same record."""

import hashlib


def record_id(tenant: str, subject_id: str, event_id: str, kind: str) -> str:
    """Return the id of the record of `kind` about an event: 128 bits of SHA-256, written as a UUID.

    Each part is preceded by its length, so that no two different lists of parts run together.
    """
    digest = hashlib.sha256()
    for part in (tenant, subject_id, event_id, kind):
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    text = digest.hexdigest()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:32]}"
