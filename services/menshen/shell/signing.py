"""Signs verdicts with the deployment's Ed25519 key."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from menshen.contract.signature import key_id_of
from menshen.contract.verdict import KEY_ID_HEADER, SIGNATURE_HEADER
from menshen.shell.errors import Refusal


class Signer:
    """Holds the private key; its signatures travel as record headers, so that replacing a key changes no body."""

    def __init__(self, pem: str) -> None:
        """Read the key. Raises `Refusal` if it is not an Ed25519 private key in PEM."""
        try:
            key = load_pem_private_key(pem.encode(), password=None)
        except (ValueError, TypeError) as error:
            raise Refusal(f"MENSHEN_SIGNING_KEY: not a private key in PEM ({error}); see `menshen keys new`") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise Refusal("MENSHEN_SIGNING_KEY: needs an Ed25519 key; see `menshen keys new`")
        self._key = key
        self.key_id = key_id_of(key.public_key())

    def headers(self, value: bytes) -> list[tuple[str, bytes]]:
        """Return the headers that vouch for exactly these bytes."""
        return [(KEY_ID_HEADER, self.key_id.encode()), (SIGNATURE_HEADER, self._key.sign(value))]


def new_key_pair() -> tuple[str, str]:
    """Return a fresh private key and its public key, both in PEM."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()
