"""A verdict counts only with the signature of a trusted key over exactly its bytes."""

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from menshen.contract.signature import BadSignature, TrustedKeys
from menshen.contract.verdict import KEY_ID_HEADER, SIGNATURE_HEADER
from menshen.shell.errors import Refusal
from menshen.shell.signing import Signer, new_key_pair

VALUE = b'{"verdict_id":"v","decision":"allow"}'


def pair() -> tuple[Signer, str]:
    private, public = new_key_pair()
    return Signer(private), public


def test_what_a_trusted_key_signed_passes() -> None:
    signer, public = pair()
    TrustedKeys.from_pem(public).verify(VALUE, signer.headers(VALUE))


@pytest.mark.parametrize("at", [0, 10, len(VALUE) - 1])
def test_one_changed_bit_anywhere_spoils_the_signature(at: int) -> None:
    signer, public = pair()
    changed = bytearray(VALUE)
    changed[at] ^= 1
    with pytest.raises(BadSignature, match="does not fit"):
        TrustedKeys.from_pem(public).verify(bytes(changed), signer.headers(VALUE))


def test_another_spelling_of_the_same_json_is_not_what_was_signed() -> None:
    signer, public = pair()
    with pytest.raises(BadSignature):
        TrustedKeys.from_pem(public).verify(VALUE.replace(b",", b", "), signer.headers(VALUE))


def test_a_key_that_nobody_trusts_is_named() -> None:
    stranger, _ = pair()
    _, public = pair()
    with pytest.raises(BadSignature, match=stranger.key_id):
        TrustedKeys.from_pem(public).verify(VALUE, stranger.headers(VALUE))


def test_a_strangers_signature_under_a_trusted_keys_name_does_not_pass() -> None:
    signer, public = pair()
    stranger, _ = pair()
    forged = [(KEY_ID_HEADER, signer.key_id.encode()), (SIGNATURE_HEADER, dict(stranger.headers(VALUE))["signature"])]
    with pytest.raises(BadSignature, match="does not fit"):
        TrustedKeys.from_pem(public).verify(VALUE, forged)


@pytest.mark.parametrize("left_out", [KEY_ID_HEADER, SIGNATURE_HEADER])
def test_half_a_signature_is_none(left_out: str) -> None:
    signer, public = pair()
    with pytest.raises(BadSignature, match="not signed"):
        TrustedKeys.from_pem(public).verify(VALUE, [h for h in signer.headers(VALUE) if h[0] != left_out])


@pytest.mark.parametrize("signature", [b"", b"short", bytes(64), bytes(65)])
def test_a_signature_of_any_length_is_only_refused(signature: bytes) -> None:
    signer, public = pair()
    with pytest.raises(BadSignature):
        TrustedKeys.from_pem(public).verify(
            VALUE, [(KEY_ID_HEADER, signer.key_id.encode()), (SIGNATURE_HEADER, signature)]
        )


def test_a_key_id_that_is_no_text_is_only_refused() -> None:
    signer, public = pair()
    with pytest.raises(BadSignature):
        TrustedKeys.from_pem(public).verify(VALUE, [*signer.headers(VALUE), (KEY_ID_HEADER, b"\xff\xfe")])


def test_while_a_key_is_replaced_verdicts_of_both_pass() -> None:
    (old, old_public), (new, new_public) = pair(), pair()
    keys = TrustedKeys.from_pem(old_public + "\n" + new_public)
    for signer in (old, new):
        keys.verify(VALUE, signer.headers(VALUE))


def test_the_same_bytes_are_signed_the_same_way_each_time() -> None:
    signer, _ = pair()
    assert signer.headers(VALUE) == signer.headers(VALUE)


@pytest.mark.parametrize("text", ["", "not a key", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"])
def test_a_text_without_a_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        TrustedKeys.from_pem(text)


def test_a_key_of_another_kind_is_refused_even_beside_a_good_one() -> None:
    _, public = pair()
    rsa = generate_private_key(65537, 2048)
    other = rsa.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(ValueError, match="Ed25519"):
        TrustedKeys.from_pem(public + other)


def test_a_worker_refuses_to_start_with_a_key_that_cannot_sign_verdicts() -> None:
    _, public = pair()
    rsa = generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for wrong in ("", "no key", public, rsa):
        with pytest.raises(Refusal, match="MENSHEN_SIGNING_KEY"):
            Signer(wrong)
