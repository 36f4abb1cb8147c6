"""Identifiers as they appear in Redis: keyed hashes of fixed length, so that no id can break out of its key."""

import hashlib
from functools import lru_cache


class Pseudonyms:
    """Hashes identifiers of one tenant under the deployment's pepper.

    Without the pepper a hash cannot be reversed by trying all addresses or access points; another tenant's hashes of
    the same identifiers are unrelated.
    """

    def __init__(self, pepper: str, tenant: str) -> None:
        self._key = hashlib.sha256(f"{len(tenant)}:{tenant}:{pepper}".encode()).digest()
        self.of = lru_cache(maxsize=65_536)(self._hash)

    def _hash(self, kind: str, identifier: str) -> bytes:
        """Return 16 bytes that stand for an identifier of a kind."""
        keyed = hashlib.blake2b(identifier.encode(), digest_size=16, key=self._key, person=kind.encode()[:16])
        return keyed.digest()
