"""Whether a verdict is ours: Ed25519 over the exact bytes of the record's value, checked by the keys one trusts."""

import hashlib
from collections.abc import Iterable, Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from menshen.contract.verdict import KEY_ID_HEADER, SIGNATURE_HEADER

_END_OF_KEY = "-----END PUBLIC KEY-----"


class BadSignature(Exception):
    """The record is not a verdict of a trusted key: treat it as though it had not come."""


class TrustedKeys:
    """The public keys whose verdicts count; several while a key is being replaced."""

    def __init__(self, keys: Iterable[Ed25519PublicKey]) -> None:
        self._keys: Mapping[str, Ed25519PublicKey] = {key_id_of(key): key for key in keys}

    @classmethod
    def from_pem(cls, text: str) -> "TrustedKeys":
        """Read one or more Ed25519 public keys, one PEM block after the other.

        Raises
        ------
        ValueError
            There is no key in the text, or one that is not Ed25519.
        """
        blocks = [block + _END_OF_KEY for block in text.split(_END_OF_KEY)[:-1]]
        keys = [load_pem_public_key(block.strip().encode()) for block in blocks]
        wanted = [key for key in keys if isinstance(key, Ed25519PublicKey)]
        if not wanted or len(wanted) < len(keys):
            raise ValueError("needs one or more Ed25519 public keys in PEM, as `menshen keys new` writes them")
        return cls(wanted)

    def verify(self, value: bytes, headers: Iterable[tuple[str, bytes | None]]) -> None:
        """Return if a trusted key signed exactly these bytes; raise `BadSignature` otherwise."""
        said = {name: content for name, content in headers if content is not None}
        key_id = said.get(KEY_ID_HEADER, b"").decode(errors="replace")
        if not key_id or SIGNATURE_HEADER not in said:
            raise BadSignature("the record is not signed")
        if key_id not in self._keys:
            raise BadSignature(f"signed by key {key_id!r}, which is not trusted here")
        try:
            self._keys[key_id].verify(said[SIGNATURE_HEADER], value)
        except InvalidSignature:
            raise BadSignature(f"the signature of key {key_id} does not fit these bytes") from None


def key_id_of(key: Ed25519PublicKey) -> str:
    """Return a key's name: the first 16 hexadecimal digits of the SHA-256 of its 32 bytes."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]
