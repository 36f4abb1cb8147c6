"""Lines for people show what matters and cannot take over a terminal; objects for programs lose nothing."""

import base64
import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from menshen.commands.records.printing import (
    Record,
    assessment_line,
    dead_letter_line,
    dead_letter_object,
    plain_line,
    printable,
    value_object,
    verdict_line,
)
from menshen.commands.records.tail import tail
from menshen.contract.assessment import Assessment, Reason, Shed
from menshen.contract.signature import TrustedKeys
from menshen.contract.verdict import Verdict
from menshen.shell.signing import Signer, new_key_pair

PRIVATE, PUBLIC = new_key_pair()
KEYS = TrustedKeys.from_pem(PUBLIC)
VERDICT = Verdict(
    verdict_id="i",
    kind="gate",
    event_id="e",
    subject_id="subject-1",
    session_id="v",
    application_id="application-1",
    step="fund_transfer",
    decision="step_up",
    challenge="face",
    score=713,
    decided_ms=1_000,
    expires_ms=2_000,
    reasons=(Reason(code="IMPOSSIBLE_TRAVEL", points=310), Reason(code="KNOWN_DEVICE", points=-20)),
    missing=("wifi",),
)


def record(value: bytes | None, *headers: tuple[str, bytes | None]) -> Record:
    return Record(partition=3, offset=7, timestamp_ms=1_000, key=b"subject-1", value=value, headers=headers)


def signed(verdict: Verdict, private: str = PRIVATE) -> Record:
    value = msgspec.json.encode(verdict)
    return record(value, *Signer(private).headers(value))


def test_a_verdict_is_one_line_with_who_what_and_why() -> None:
    assert verdict_line(signed(VERDICT), None).plain == (
        "1970-01-01 00:00:01Z  subject-1  step_up   713  gate fund_transfer application-1 face"
        "  IMPOSSIBLE_TRAVEL +310, KNOWN_DEVICE -20  missing wifi"
    )


def test_with_keys_a_verdict_shows_what_its_signature_is_worth() -> None:
    stranger, _ = new_key_pair()
    bare = record(msgspec.json.encode(VERDICT))
    assert "✓" in verdict_line(signed(VERDICT), KEYS).plain
    assert "✗" in verdict_line(signed(VERDICT, stranger), KEYS).plain
    assert "unsigned" in verdict_line(bare, KEYS).plain
    assert [value_object(r, KEYS)["signature"] for r in (signed(VERDICT), signed(VERDICT, stranger), bare)] == [
        "trusted",
        "bad",
        "unsigned",
    ]


def test_without_keys_nothing_is_said_about_signatures() -> None:
    assert "signature" not in value_object(signed(VERDICT), None)


def test_a_header_without_a_value_is_no_signature_and_no_crash() -> None:
    bare = record(msgspec.json.encode(VERDICT), ("key_id", None), ("signature", None))
    assert "unsigned" in verdict_line(bare, KEYS).plain


def test_an_assessment_is_one_line_with_its_reasons() -> None:
    seen = Assessment(
        assessment_id="i",
        event_id="e",
        event_type="location",
        subject_id="subject-1",
        session_id="v",
        offset=1,
        appended_ms=1_000,
        score=310,
        reasons=VERDICT.reasons[:1],
        deferred=True,
    )
    line = assessment_line(record(msgspec.json.encode(seen)), None).plain
    assert line == "1970-01-01 00:00:01Z  subject-1  location     310  IMPOSSIBLE_TRAVEL +310  deferred"


def test_what_was_shed_is_one_line() -> None:
    seen = record(msgspec.json.encode(Shed(n_shed=4, runs=((1, 3), (7, 7)))))._replace(key=None)
    assert assessment_line(seen, None).plain == "1970-01-01 00:00:01Z  shed 4 of partition 3:  1 to 3, 7 to 7"


LETTER = record(
    b"\xff{", ("reason", b"MALFORMED"), ("detail", b"not UTF-8"), ("source", b"menshen.events.v1/3/9"), ("trace", None)
)


def test_a_dead_letter_says_why_and_from_where_and_how_it_begins() -> None:
    line = dead_letter_line(LETTER, None).plain
    assert line == r"1970-01-01 00:00:01Z  MALFORMED  menshen.events.v1/3/9  not UTF-8  b'\xff{'"


def test_a_dead_letter_as_an_object_gives_back_every_byte() -> None:
    said = dead_letter_object(LETTER, None)
    assert base64.b64decode(str(said["value_base64"])) == b"\xff{"
    assert said["value"] is None
    assert (said["reason"], said["source"], said["partition"], said["offset"]) == (
        "MALFORMED",
        "menshen.events.v1/3/9",
        3,
        7,
    )


def test_a_dead_letter_that_is_text_is_given_as_text_too() -> None:
    assert dead_letter_object(record("姓名".encode()), None)["value"] == "姓名"
    assert dead_letter_object(record(None), None)["value_base64"] is None


@pytest.mark.parametrize("value", [None, b"", b"{", b"[1]", b"\xff", b"[" * 100_000])
def test_a_record_that_cannot_be_read_is_shown_and_stops_nothing(value: bytes | None) -> None:
    for line in (verdict_line, assessment_line):
        assert "unreadable  partition 3 offset 7" in line(record(value), KEYS).plain
    assert value_object(record(value), KEYS)["unreadable"] is True


ATTACK = "\x1b]0;owned\x07\x1b[2J\r\n\u202eabc\x9b31m\ud800"


@pytest.mark.parametrize("line", [plain_line, dead_letter_line])
def test_nothing_in_a_record_reaches_the_terminal_as_a_command(line) -> None:
    hostile = ATTACK.encode(errors="surrogatepass")
    shown = line(
        record(hostile, ("reason", hostile), ("detail", hostile), ("source", hostile))._replace(key=hostile), None
    )
    assert shown.plain.isprintable()
    assert "owned" in shown.plain


def test_nothing_in_a_verdict_reaches_the_terminal_as_a_command() -> None:
    hostile = replace(VERDICT, subject_id=ATTACK[:-1], missing=(ATTACK[:-1],))
    assert verdict_line(signed(hostile), KEYS).plain.isprintable()
    assert json.dumps(value_object(signed(hostile), KEYS)).isascii()


def test_ordinary_text_of_any_script_stays_as_it_is() -> None:
    assert printable("门神 décision 7°") == "门神 décision 7°"


def test_a_time_that_no_calendar_has_is_shown_as_a_number() -> None:
    far = replace(VERDICT, decided_ms=2**60)
    assert verdict_line(signed(far), None).plain.startswith(f"{2**60} ms  subject-1")


def test_a_file_without_keys_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("no key")
    result = CliRunner().invoke(tail, ["verdicts", "--keys", str(tmp_path / "keys")])
    assert result.exit_code == 2
    assert "Ed25519" in result.stderr


def test_only_the_four_streams_can_be_followed() -> None:
    assert CliRunner().invoke(tail, ["events"]).exit_code == 2
