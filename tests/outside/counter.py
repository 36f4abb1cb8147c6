"""Counts what became of the records of a manifest, from the topics alone: everything once, byte for byte, or named."""

import argparse
import sys
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from tests.outside.comparison import Report, compare
from tests.outside.manifest import ASSESSMENTS, DEAD_LETTERS, VERDICTS, Manifest, read_manifest
from tests.outside.reading import read


def count(
    bootstrap: str,
    manifest: Manifest,
    *,
    public_key: Path | None = None,
    repeats_allowed: bool = False,
    patience_s: float = 30.0,
    progress: Callable[[str], None] = lambda _: None,
) -> Report:
    """Read the answers to a manifest's records and compare; with `public_key`, a PEM file, check the signatures too."""
    n_expected = {
        ASSESSMENTS: sum(one.fate == "judged" for one in manifest.sent),
        VERDICTS: sum(one.asks is not None for one in manifest.sent),
        DEAD_LETTERS: sum(one.fate == "dead" for one in manifest.sent),
    }
    found = read(bootstrap, manifest.before, n_expected, patience_s=patience_s, progress=progress)
    verify = verifier(public_key.read_bytes()) if public_key else None
    return compare(manifest, found, verify=verify, repeats_allowed=repeats_allowed)


def verifier(pem: bytes) -> Callable[[bytes, Mapping[str, bytes | None]], bool]:
    """Return whether a value bears this key's id and signature, as a function of value and headers."""
    key = load_pem_public_key(pem)
    assert isinstance(key, Ed25519PublicKey)
    key_id = sha256(key.public_bytes_raw()).hexdigest()[:16].encode()

    def signed(value: bytes, headers: Mapping[str, bytes | None]) -> bool:
        try:
            key.verify(headers["signature"] or b"", value)
        except InvalidSignature:
            return False
        return headers["key_id"] == key_id

    return signed


def main() -> None:
    """Count, from the command line: status 0 where all is accounted for, 1 where not."""
    parser = argparse.ArgumentParser(prog="python -m tests.outside.counter", description=__doc__)
    parser.add_argument("--bootstrap", required=True, help="addresses of the brokers")
    parser.add_argument("--manifest", required=True, type=Path, help="what was sent")
    parser.add_argument("--keys", type=Path, help="public key (PEM) against which signatures are checked")
    parser.add_argument("--repeats-allowed", action="store_true", help="identical repeats are no fault: after a crash")
    parser.add_argument("--patience", type=float, default=30.0, help="seconds without a record (default %(default)s)")
    given = parser.parse_args()
    report = count(
        given.bootstrap,
        read_manifest(given.manifest),
        public_key=given.keys,
        repeats_allowed=given.repeats_allowed,
        patience_s=given.patience,
        progress=lambda said: print(said, file=sys.stderr),
    )
    print(report)
    sys.exit(1 if report.discrepancies else 0)


if __name__ == "__main__":
    main()
