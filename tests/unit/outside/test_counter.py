"""The counter bites: whatever is lost, doubled or altered is named, with its ids."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.outside.comparison import Report, compare
from tests.outside.counter import verifier
from tests.outside.manifest import ASSESSMENTS, DEAD_LETTERS, EVENTS, VERDICTS, Manifest, Sent, digest, read_manifest
from tests.outside.reading import Record

Found = dict[str, list[Record]]
KEY = Ed25519PrivateKey.generate()
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
ASKED = {"kind": "gate", "application_id": "app-1", "step": "eligibility", "attempt": 1}


def sent(event_id: str, offset: int, *, event_type: str = "device", **particulars: Any) -> Sent:
    given = {"fate": "judged", "key": b"s-1".hex(), "sha256": digest(b"sent"), "headers": []} | particulars
    return Sent(
        kind="plain", subject_id="s-1", event_id=event_id, event_type=event_type, partition=3, offset=offset, **given
    )


SENT = [
    sent("e-1", 0),
    sent("e-2", 1, event_type="checkpoint", asks=ASKED),
    sent("e-1", 2, fate="known"),
    sent("e-3", 3, fate="dead", reason="MALFORMED", sha256=digest(b"NaN"), headers=[("trace", None), ("raw", "ff")]),
]
MANIFEST = Manifest(seed=1, started_ms=0, before={}, sent=SENT)


def assessment(event_id: str, offset: int, event_type: str, at: int, **more: Any) -> Record:
    body = {"assessment_id": f"a-{event_id}", "event_id": event_id, "subject_id": "s-1", "offset": offset, "score": 0}
    return Record(ASSESSMENTS, 3, at, b"s-1", json.dumps(body | {"event_type": event_type} | more).encode())


def verdict(at: int = 0, **more: Any) -> Record:
    body = {"verdict_id": "v-2", "event_id": "e-2", "subject_id": "s-1", "decision": "allow"} | ASKED | more
    value = json.dumps(body).encode()
    key_id = sha256(KEY.public_key().public_bytes_raw()).hexdigest()[:16].encode()
    return Record(VERDICTS, 3, at, b"s-1", value, (("key_id", key_id), ("signature", KEY.sign(value))))


def letter(at: int = 0, **more: Any) -> Record:
    headers = (("trace", None), ("raw", b"\xff"), ("reason", b"MALFORMED"), ("detail", b"why"))
    whole = Record(DEAD_LETTERS, 3, at, b"s-1", b"NaN", (*headers, ("source", f"{EVENTS}/3/3".encode())))
    return whole._replace(**more)


def answers() -> Found:
    assessments = [assessment("e-1", 0, "device", 0), assessment("e-2", 1, "checkpoint", 1)]
    return {ASSESSMENTS: assessments, VERDICTS: [verdict()], DEAD_LETTERS: [letter()]}


def compared(found: Found, **options: Any) -> Report:
    return compare(MANIFEST, found, verify=verifier(PEM), **options)


def test_all_in_order_is_no_discrepancy() -> None:
    report = compared(answers())
    assert report.discrepancies == []
    assert "no discrepancy" in str(report)
    assert report.counts[f"{ASSESSMENTS}, distinct"] == 2


def _add(topic: str, record: Record) -> Callable[[Found], Any]:
    return lambda found: found[topic].append(record)


def _put(topic: str, record: Record, at: int = 0) -> Callable[[Found], Any]:
    return lambda found: found[topic].__setitem__(at, record)


FORGED = verdict()._replace(headers=(("key_id", b"0" * 16), ("signature", b"0" * 64)))
OTHER_ID = assessment("e-1", 0, "device", 2, assessment_id="b")
OF_A_SOUND_ONE = letter(1, headers=(("source", f"{EVENTS}/3/0".encode()),))
REVOCATION = verdict(1, verdict_id="v-3", kind="revoke", revokes="v-unknown")


@pytest.mark.parametrize(
    ("what", "about", "harm"),
    [
        ("MISSING assessment", "s-1/e-1", lambda found: found[ASSESSMENTS].pop(0)),
        ("DOUBLED", "a-e-1", _add(ASSESSMENTS, assessment("e-1", 0, "device", 2))),
        ("ALTERED", "a-e-1", _add(ASSESSMENTS, assessment("e-1", 0, "device", 2, score=1))),
        ("2 DIFFERENT IDS, assessment", "s-1/e-1", _add(ASSESSMENTS, OTHER_ID)),
        ("ASSESSMENT OF NOTHING", "s-1/e-3", _add(ASSESSMENTS, assessment("e-3", 3, "device", 2))),
        ("ASSESSMENT ASTRAY", "s-1/e-1", _put(ASSESSMENTS, assessment("e-1", 2, "device", 0))),
        ("ASSESSMENT ASTRAY", "s-1/e-1", _put(ASSESSMENTS, assessment("e-1", 0, "device", 0)._replace(partition=2))),
        ("NOT JSON", f"{ASSESSMENTS}/3/2", _add(ASSESSMENTS, Record(ASSESSMENTS, 3, 2, b"s-1", b"{"))),
        ("MISSING verdict", "s-1/e-2", lambda found: found[VERDICTS].clear()),
        ("DOUBLED", "v-2", lambda found: found[VERDICTS].append(found[VERDICTS][0]._replace(offset=1))),
        ("2 DIFFERENT IDS, verdict", "s-1/e-2", _add(VERDICTS, verdict(1, verdict_id="v-9"))),
        ("1 DIFFERENT IDS, verdict", "s-1/e-1", _add(VERDICTS, verdict(1, verdict_id="v-9", event_id="e-1"))),
        ("VERDICT ON NOTHING", "s-1/e-9", _add(VERDICTS, verdict(1, verdict_id="v-9", event_id="e-9"))),
        ("VERDICT ASTRAY", "s-1/e-2", _put(VERDICTS, verdict(application_id="app-2"))),
        ("UNSIGNED", "v-2", _put(VERDICTS, verdict()._replace(headers=()))),
        ("BAD SIGNATURE", "v-2", _put(VERDICTS, FORGED)),
        ("REVOKES NOTHING", "v-3", _add(VERDICTS, REVOCATION)),
        ("MISSING dead letter", "s-1/e-3", lambda found: found[DEAD_LETTERS].clear()),
        ("DOUBLED", f"{EVENTS}/3/3", _add(DEAD_LETTERS, letter(1))),
        ("ALTERED", f"{EVENTS}/3/3", _add(DEAD_LETTERS, letter(1, value=b"nan"))),
        ("ALTERED dead letter", "s-1/e-3", _put(DEAD_LETTERS, letter(value=b"NaN "))),
        ("ALTERED dead letter", "s-1/e-3", _put(DEAD_LETTERS, letter(value=None))),
        ("ALTERED dead letter", "s-1/e-3", _put(DEAD_LETTERS, letter(key=None))),
        ("ALTERED dead letter", "s-1/e-3", _put(DEAD_LETTERS, letter(headers=letter().headers[1:]))),
        ("WRONG REASON", "s-1/e-3", _put(DEAD_LETTERS, letter(headers=(*letter().headers, ("reason", b"INVALID"))))),
        ("DEAD LETTER OF NOTHING", f"{EVENTS}/3/0", _add(DEAD_LETTERS, OF_A_SOUND_ONE)),
    ],
)
def test_what_is_wrong_is_named(what: str, about: str, harm: Callable[[Found], object]) -> None:
    found = answers()
    harm(found)
    report = compared(found)
    assert (what, about) in [(d.what, d.about) for d in report.discrepancies]
    assert about in str(report)


def test_identical_repeats_are_no_fault_after_a_crash_but_different_ones_are() -> None:
    found = answers()
    found[ASSESSMENTS].append(assessment("e-1", 0, "device", 2))
    found[DEAD_LETTERS].append(letter(1))
    report = compared(found, repeats_allowed=True)
    assert report.discrepancies == []
    assert report.counts[f"{ASSESSMENTS}, repeats"] == report.counts[f"{DEAD_LETTERS}, repeats"] == 1
    found[ASSESSMENTS].append(assessment("e-1", 0, "device", 3, score=1))
    assert [d.what for d in compared(found, repeats_allowed=True).discrepancies] == ["ALTERED"]


def test_a_revocation_of_an_allow_is_no_second_verdict() -> None:
    found = answers()
    found[VERDICTS].append(verdict(1, verdict_id="v-3", kind="revoke", revokes="v-2", decision="block"))
    report = compared(found)
    assert report.discrepancies == []
    assert report.counts["verdicts, revoking"] == 1


def test_a_manifest_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    MANIFEST.write(tmp_path / "manifest.jsonl")
    assert read_manifest(tmp_path / "manifest.jsonl") == MANIFEST
