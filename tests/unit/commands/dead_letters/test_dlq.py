"""What a dead letter says of itself, how it is shown, and which may be sent again."""

import json

import click
import pytest
from click.testing import CliRunner

from menshen.commands.dead_letters.asked import PlaceType, SinceType
from menshen.commands.dead_letters.dlq import dlq
from menshen.commands.dead_letters.letters import Letter, Place, read_again, why_not
from menshen.commands.dead_letters.printing import counted, letter_line, letter_object, letter_page
from menshen.commands.dead_letters.sending import fates
from menshen.commands.records.printing import Record
from menshen.contract.dead_letter import RejectReason
from menshen.contract.decoding import MAX_BYTES, encode_event
from menshen.contract.events import Login
from menshen.detect.arrivals import MAX_LETTER_BYTES, dead_letter

N_PARTITIONS = 6
LOGIN = encode_event(
    Login(
        event_id="e",
        subject_id="anna",
        session_id="v",
        product_id="p",
        seq=0,
        occurred_ms=1,
        received_ms=1,
        assurance="claimed",
        outcome="success",
        method="otp",
    )
)


def letter(
    value: bytes | None = LOGIN, reason: str = "INVALID", key: bytes | None = b"anna", offset: int = 7, **said: str
) -> Letter:
    headers = {"trace": "t", "reason": reason, "detail": "why", "source": "events/2/9"} | said
    encoded = [(name.replace("_", "-"), text.encode()) for name, text in headers.items()]
    return Letter(Record(partition=3, offset=offset, timestamp_ms=1_000, key=key, value=value, headers=encoded))


def obstacle(asked: Letter, *, quarantined: bool = False) -> str | None:
    return why_not(asked, read_again(asked, N_PARTITIONS), quarantined=quarantined)


def page(asked: Letter) -> list[str]:
    reading = read_again(asked, N_PARTITIONS)
    return [line.plain for line in letter_page(asked, reading, why_not(asked, reading, quarantined=False))]


def test_a_letter_that_this_release_reads_may_be_sent_again_whatever_it_once_was() -> None:
    for reason in set(RejectReason) - {RejectReason.ID_REUSE, RejectReason.QUARANTINED}:
        assert obstacle(letter(reason=reason)) is None
    assert read_again(letter(), N_PARTITIONS).told == "login e of anna"


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (letter(b"{"), "refused again, MALFORMED"),
        (letter(None), "refused again, MALFORMED: the record has no value"),
        (letter(LOGIN.replace(b'"login"', b'"no such"')), "refused again, UNKNOWN_TYPE"),
        (letter(key=None), "refused again, MISROUTED: the record has no key"),
        (letter(key=b"bert"), "refused again, MISROUTED"),
        (letter(b" " * (MAX_BYTES + 1)), "refused again, OVERSIZED"),
        (letter(detail="cut from 2000000 bytes, SHA-256 of the value 00; x"), "its value was cut"),
        (letter(reason="ID_REUSE"), "its event_id belongs to another content"),
        (letter(reason="QUARANTINED"), "judging it ended the worker"),
        (letter(b"{", reason="QUARANTINED"), "judging it ended the worker"),
    ],
)
def test_what_must_not_be_sent_again_is_told_why(asked: Letter, why: str) -> None:
    assert (obstacle(asked) or "").startswith(why)


def test_a_quarantined_letter_is_sent_when_asked_for_and_only_if_it_is_an_event() -> None:
    assert obstacle(letter(reason="QUARANTINED"), quarantined=True) is None
    assert "MALFORMED" in (obstacle(letter(b"{", reason="QUARANTINED"), quarantined=True) or "")
    assert obstacle(letter(reason="ID_REUSE"), quarantined=True)


def test_what_detect_cut_on_its_way_is_known_as_cut() -> None:
    whole = Record(0, 0, 0, b"anna", b" " * (MAX_LETTER_BYTES + 1) + LOGIN)
    cut = dead_letter(_Arrived(*whole), RejectReason.OVERSIZED, "too large")
    assert "cut" in (obstacle(Letter(Record(0, 0, 0, cut.key, cut.value, cut.headers))) or "")


class _Arrived(Record):
    topic = "events"


def test_headers_go_out_as_they_came_with_the_place_of_the_letter_and_without_what_detect_added() -> None:
    again = letter(menshen_replayed_from="0/1").headers_again()
    assert again == [("trace", b"t"), ("menshen-replayed-from", b"3/7")]


def test_one_record_that_lies_there_twice_is_sent_once() -> None:
    copies = [letter(), letter(offset=8), letter(b"{", offset=9), letter(b"{", offset=10)]
    other_key = letter(LOGIN.replace(b"anna", b"bert"), key=b"bert", offset=11)
    found = list(fates([*copies, other_key], N_PARTITIONS, quarantined=False))
    assert [fate.status for fate in found] == ["send", "copy", "refused", "refused", "send"]
    assert found[1].told == "the same record as 3/7"


def test_a_line_says_where_when_why_whose_how_large_and_from_where_again() -> None:
    line = letter_line(letter(b"\x1b[2J{", menshen_replayed_from="0/1")).plain
    assert line == ("1970-01-01 00:00:01Z  3/7       INVALID          events/2/9  anna       5 B  again from 0/1  why")
    assert "no key" in letter_line(letter(key=None)).plain
    assert "\\x1b" in letter_line(letter(detail="\x1b[2J")).plain


def test_a_letter_without_our_headers_is_shown_too() -> None:
    bare = Letter(Record(0, 1, 1_000, None, None, [("reason", None)]))
    assert letter_line(bare).plain == "1970-01-01 00:00:01Z  0/1       ?                ?  no key       0 B"
    assert letter_object(bare)["value"] is None
    assert any(line.startswith("replay    no: refused again, MALFORMED") for line in page(bare))


def test_a_page_lays_json_out_and_says_what_this_release_makes_of_it() -> None:
    lines = page(letter())
    assert "now       would be read: login e of anna" in lines
    assert "replay    yes" in lines
    assert "header    trace: t" in lines
    assert '  "event_id": "e",' in lines
    assert any("ID_REUSE" in line for line in page(letter(reason="ID_REUSE")))


def test_a_page_shows_any_value_and_nothing_that_a_terminal_would_obey() -> None:
    lines = page(letter(b"\xff\x1b[2J\nnot \xe2\x80\xaejson"))
    assert lines[-2:] == ["\\xff\\x1b[2J", "not \\u202ejson"]
    for hostile in (b"[" * MAX_BYTES, b"[" * 500 + b"1," * 6_000 + b"1" + b"]" * 500, b"x" * 1_000_000, b"\n" * 9_000):
        lines = page(letter(hostile))
        assert lines[-1] == "... and more: --json shows all"
        assert sum(map(len, lines)) < 20_000


def test_reasons_are_counted_the_most_frequent_first() -> None:
    assert counted({}) == "0 dead letters"
    assert counted({"INVALID": 1}) == "1 dead letter: INVALID 1"
    assert counted({"INVALID": 1, "MALFORMED": 20}) == "21 dead letters: MALFORMED 20, INVALID 1"


def test_an_object_loses_nothing() -> None:
    told = json.loads(json.dumps(letter_object(letter(b"\xff", menshen_replayed_from="0/1"))))
    assert (told["letter"], told["value_base64"], told["n_bytes"]) == ("3/7", "/w==", 1)
    assert (told["replayed_from"], told["headers"]["trace"]) == ("0/1", "t")


def test_a_place_is_partition_and_offset() -> None:
    assert PlaceType()("3/1042") == Place(3, 1042)
    for wrong in ("3", "3/", "a/1", "-1/2", "3/1042/1", "٣/1"):
        with pytest.raises(click.BadParameter, match="no place"):
            PlaceType()(wrong)


def test_a_span_is_a_time_so_long_ago() -> None:
    second, day = SinceType()("1s"), SinceType()("1d")
    assert isinstance(second, int) and isinstance(day, int)
    assert abs(second - day - 86_399_000) < 1_000
    for wrong in ("1", "h", "1w", "-1h", "1.5h"):
        with pytest.raises(click.BadParameter, match="no span of time"):
            SinceType()(wrong)


@pytest.mark.parametrize(
    "arguments",
    [
        ["replay"],
        ["replay", "0/1", "--reason", "INVALID"],
        ["replay", "0/1", "--since", "1h"],
        ["replay", "nonsense"],
        ["list", "--reason", "NONE"],
        ["show"],
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(arguments: list[str]) -> None:
    assert CliRunner().invoke(dlq, arguments).exit_code == 2
