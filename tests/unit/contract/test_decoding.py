"""The decoder is total: any bytes at all become an event or a reason why not."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import json as msgspec_json
from tests.strategies import events

from menshen.contract.dead_letter import RejectReason
from menshen.contract.decoding import MAX_BYTES, MAX_DEPTH, Undecodable, decode_event, encode_event
from menshen.contract.events import Keystroke

ENVELOPE = {
    "event_id": "e1",
    "subject_id": "s1",
    "session_id": "v1",
    "seq": 3,
    "occurred_ms": 1_700_000_000_000,
    "received_ms": 1_700_000_000_100,
    "assurance": "authenticated",
    "product_id": "loan",
}
LOGIN = {"type": "login", **ENVELOPE, "outcome": "success", "method": "otp"}
KEYSTROKE = {"type": "keystroke", **ENVELOPE, "field": "name", "hold_ms": [80], "flight_ms": [], "classes": "l"}
VALID = json.dumps(LOGIN).encode()

MALFORMED, DUPLICATE_KEY, INVALID = RejectReason.MALFORMED, RejectReason.DUPLICATE_KEY, RejectReason.INVALID
UNKNOWN_TYPE, UNKNOWN_VERSION = RejectReason.UNKNOWN_TYPE, RejectReason.UNKNOWN_VERSION


def but(text: str, instead: str) -> bytes:
    """Return the valid record with one piece of it replaced."""
    assert text.encode() in VALID
    return VALID.replace(text.encode(), instead.encode())


def with_more(fields: str | bytes) -> bytes:
    """Return the valid record with more fields at its end."""
    return VALID[:-1] + b", " + (fields if isinstance(fields, bytes) else fields.encode()) + b"}"


def rejection(value: bytes | None) -> RejectReason | None:
    try:
        decode_event(value)
    except Undecodable as error:
        return error.reason
    return None


def test_the_valid_record_is_valid() -> None:
    assert rejection(VALID) is None


@pytest.mark.parametrize("value", [None, b"", b" ", b"\n\t"], ids=["tombstone", "empty", "space", "blank"])
def test_a_record_without_a_value_is_malformed(value: bytes | None) -> None:
    assert rejection(value) is MALFORMED


@pytest.mark.parametrize(
    "value",
    [
        VALID[:-1],
        VALID[:-3],
        VALID + b"x",
        VALID + VALID,
        b"\xef\xbb\xbf" + VALID,
        VALID.decode().encode("utf-16"),
        VALID.decode().encode("utf-16-le"),
        b"\x1f\x8b\x08" + VALID,
        b"\x00",
        b'"',
        but('"seq": 3', '"seq": NaN'),
        but('"seq": 3', '"seq": Infinity'),
        but('"seq": 3', '"seq": -Infinity'),
        with_more('"other": NaN'),
        with_more('"other": [-Infinity]'),
        but('"loan"', '"lo\x01an"'),
        but('"loan"', '"lo\\ud800an"'),
        but('"login"', '"\\ud800"'),
        with_more('"other": "\\udc00"'),
        with_more('"\\ud800": 1'),
        VALID.replace(b"loan", b"lo\xffan"),
        VALID.replace(b"loan", b"lo\xed\xa0\x80an"),
        with_more(b'"other": "\xff"'),
        with_more(b'"other": "\xed\xa0\x80"'),
        with_more(b'"other\xc3": 1'),
        but('"seq": 3', '"seq": "x"')[:-2],
    ],
)
def test_what_is_no_json_in_utf_8_is_malformed(value: bytes) -> None:
    assert rejection(value) is MALFORMED


@pytest.mark.parametrize(
    "value",
    [
        b"[" * 16_000,
        b'{"a":' * 3_000,
        with_more('"other": ' + "[" * 7_000 + "]" * 7_000),
        with_more('"other": ' + '{"a":' * MAX_DEPTH + "1" + "}" * MAX_DEPTH),
        with_more('"oth\\u0065r": ' + "[" * MAX_DEPTH + "]" * MAX_DEPTH),
    ],
)
def test_what_is_nested_deep_is_malformed(value: bytes) -> None:
    assert rejection(value) is MALFORMED


@pytest.mark.parametrize("wrong", ['"seq": "x"', '"seq": 4', '"type": "nothing known"', '"version": 2'])
def test_depth_is_named_before_anything_else_that_is_wrong(wrong: str) -> None:
    value = with_more(f'{wrong}, "other": ' + "[" * MAX_DEPTH + "]" * MAX_DEPTH)
    with pytest.raises(Undecodable, match=f"nested more than {MAX_DEPTH} deep"):
        decode_event(value)


def test_a_hundred_thousand_levels_are_not_even_parsed() -> None:
    assert rejection(b"[" * 100_000) is RejectReason.OVERSIZED


def test_depth_is_refused_at_one_level_however_deep_the_caller_is() -> None:
    """Two workers with other stacks must not disagree on a record."""
    inside, beyond = (with_more('"other": ' + "[" * n + "]" * n) for n in (MAX_DEPTH - 1, MAX_DEPTH))

    def deeper(levels: int) -> tuple[RejectReason | None, RejectReason | None]:
        return deeper(levels - 1) if levels else (rejection(inside), rejection(beyond))

    assert deeper(0) == deeper(500) == (None, MALFORMED)


def test_brackets_in_a_text_nest_nothing() -> None:
    text = '[{\\\\\\"' * MAX_DEPTH
    assert rejection(with_more(f'"other": "{text}", "list": [{"[],{}," * MAX_DEPTH}1]')) is None


def test_a_record_is_read_up_to_its_greatest_size_and_not_a_byte_beyond() -> None:
    full = VALID + b" " * (MAX_BYTES - len(VALID))
    assert rejection(full) is None
    assert rejection(full + b" ") is RejectReason.OVERSIZED
    assert rejection(b"\xff" * (MAX_BYTES + 1)) is RejectReason.OVERSIZED


@pytest.mark.parametrize(
    "value",
    [
        with_more('"seq": 3'),
        with_more('"seq": 4'),
        with_more('"s\\u0065q": 4'),
        with_more('"type": "device"'),
        with_more('"other": 1, "other": 1'),
        with_more('"other": 1, "oth\\u0065r": 2'),
        with_more('"other": {"a": 1, "a": 2}'),
        with_more('"other": [{"a": {"b": 1, "b": 1}}]'),
        with_more('"other": "x", ":b": 1, ":b": 2'),
        with_more('"": 1, "": 2'),
        with_more('"ip": "\\u003a:1", "seq": 4'),
        with_more('"seq": "wrong as well"'),
        but('"login"', '"nothing known", "type": "login"'),
        json.dumps(KEYSTROKE).encode()[:-1] + b', "field": "name"}',
        json.dumps({**LOGIN, "type": "location", "gps": {}})
        .encode()
        .replace(b"{}", b'{"mocked": true, "mocked": false}'),
    ],
)
def test_a_name_that_stands_twice_in_one_object_is_refused(value: bytes) -> None:
    assert rejection(value) is DUPLICATE_KEY


@pytest.mark.parametrize(
    "value",
    [
        with_more('"one": {"a": 1}, "two": {"a": 2, "seq": 3}'),
        with_more('"list": [{"a": 1}, {"a": 2}]'),
        with_more('"text": "\\"seq\\": 1, \\"seq\\": 2"'),
        with_more('"text": "a:b:c", "SEQ": 1'),
        with_more('"ip": "::1"'),
    ],
)
def test_a_name_may_stand_again_in_another_object_or_in_a_text(value: bytes) -> None:
    assert rejection(value) is None


@pytest.mark.parametrize("value", [b"[]", b"5", b"null", b"true", b'"login"', b"[" + VALID + b"]"])
def test_json_that_is_no_object_is_invalid(value: bytes) -> None:
    assert rejection(value) is INVALID


@pytest.mark.parametrize(
    "value",
    [
        but('"seq": 3', '"seq": "3"'),
        but('"seq": 3', '"seq": null'),
        but('"seq": 3', '"seq": true'),
        but('"seq": 3', '"seq": [3]'),
        but('"seq": 3', '"seq": 3.5'),
        but('"seq": 3', '"seq": -1'),
        but('"seq": 3', '"seq": 1e999'),
        but('"seq": 3', '"seq": ' + "9" * 30),
        but('"seq": 3', '"seq": ' + "9" * 5_000),
        but("1700000000000", "9" * 30),
        but("1700000000000", "-" + "9" * 5_000),
        but('"e1"', '"e1\\n"'),
        but('"e1"', '""'),
        but('"e1"', '" e1"'),
        but('"e1"', '"é"'),
        but('"e1"', f'"{"e" * 65}"'),
        but('"e1"', "1"),
        but('"event_id": "e1", ', ""),
        but('"success"', '"unknown"'),
        but('"authenticated"', '"administrator"'),
        but('"login"', "5"),
        with_more('"version": "1"'),
        with_more('"version": null'),
        with_more('"ip": "10.0.0.1\\n"'),
    ],
)
def test_a_field_that_is_missing_or_of_the_wrong_type_or_out_of_range_is_invalid(value: bytes) -> None:
    assert rejection(value) is INVALID


GPS = '"gps": {"latitude_deg": %s, "longitude_deg": 0, "accuracy_m": 5}'


@pytest.mark.parametrize("number", ["1e999", "-1e999", "90.1", "9" * 30, "9" * 5_000, '"1"', "null"])
def test_a_position_that_is_not_on_earth_is_invalid(number: str) -> None:
    location = VALID.replace(b'"login"', b'"location"')
    assert rejection(location[:-1] + f", {GPS % number}}}".encode()) is INVALID
    assert rejection(location[:-1] + f", {GPS % '89.9'}}}".encode()) is None


@pytest.mark.parametrize("name", ["nothing known", "", "Login", "login\\u0000", "x" * 5_000])
def test_a_type_of_no_family_is_named_as_such(name: str) -> None:
    assert rejection(but('"login"', f'"{name}"')) is UNKNOWN_TYPE


def test_the_detail_repeats_no_more_than_a_little_of_the_record() -> None:
    """It travels as a header and is shown to people."""
    for value in (but('"login"', f'"{"x" * 9_000}"'), with_more(f'"{"y" * 4_000}": 1, "{"y" * 4_000}": 2')):
        with pytest.raises(Undecodable) as refused:
            decode_event(value)
        assert len(refused.value.detail) < 400


@pytest.mark.parametrize("version", ["0", "2", "9" * 30])
def test_a_major_version_that_is_not_spoken_is_named_as_such(version: str) -> None:
    assert rejection(with_more(f'"version": {version}')) is UNKNOWN_VERSION
    assert rejection(with_more('"version": 1')) is None


def test_an_unknown_type_comes_before_its_unknown_version() -> None:
    assert rejection(with_more('"version": 2').replace(b'"login"', b'"logout"')) is UNKNOWN_TYPE


def test_fields_of_a_newer_producer_are_passed_over() -> None:
    more = '"new": {"a": [1, 2.5, "x", null]}, "far": 1e999, "long": ' + "9" * 5_000
    assert decode_event(with_more(more)) == decode_event(VALID)
    assert decode_event(with_more(more + ', "esc\\u0061ped": "\\n"')) == decode_event(VALID)


def test_keystrokes_have_no_place_for_what_was_typed() -> None:
    value = json.dumps(KEYSTROKE).encode()
    assert isinstance(decode_event(value), Keystroke)
    assert rejection(value[:-1] + b', "keys": "secret"}') is INVALID


@pytest.mark.parametrize("occurred_ms", [0, -(10**12), 946_684_800_000, 4_102_444_800_000, 2**53, -(2**53)])
def test_a_client_clock_that_is_years_off_is_judged_not_refused(occurred_ms: int) -> None:
    assert decode_event(but("1700000000000", str(occurred_ms))).occurred_ms == occurred_ms


def test_spaces_and_explicit_nulls_are_the_producers_business() -> None:
    bare = {**LOGIN, "device_id": None, "application_id": None, "ip": None}
    assert decode_event(json.dumps(bare, indent=2).encode()) == decode_event(VALID)


@settings(max_examples=60)
@given(event=events(), rows=st.randoms(use_true_random=False))
def test_the_order_of_the_fields_means_nothing(event: Any, rows: Any) -> None:
    pairs = list(msgspec_json.decode(encode_event(event)).items())
    rows.shuffle(pairs)
    assert decode_event(json.dumps(dict(pairs), ensure_ascii=False).encode()) == event


@pytest.mark.slow
@settings(max_examples=100)
@given(event=events(), data=st.data())
def test_any_name_given_twice_is_found_in_any_event(event: Any, data: st.DataObject) -> None:
    value = encode_event(event)
    name, content = data.draw(st.sampled_from(sorted(msgspec_json.decode(value).items(), key=lambda pair: pair[0])))
    again = f'"{name}"{data.draw(st.sampled_from(("", " ")))}:'.encode() + msgspec_json.encode(content)
    twice = value[:-1] + b"," + again + b"}" if data.draw(st.booleans()) else b"{" + again + b"," + value[1:]
    assert rejection(twice) in ({DUPLICATE_KEY} if len(twice) <= MAX_BYTES else {RejectReason.OVERSIZED})


# Whatever comes: an event, or `Undecodable`. Any other exception fails the test by itself.


@pytest.mark.slow
@settings(max_examples=800)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=100).map(lambda text: text.encode(errors="surrogatepass"))))
@example(b"\\")
@example(b'"\\')
def test_no_bytes_at_all_break_the_decoder(value: bytes) -> None:
    rejection(value)


CORPUS = [VALID, json.dumps(KEYSTROKE).encode(), with_more('"a\\u0062": {"c": [1, {"d": "e"}]}')]
PIECES = [
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"\x00",
    b"\xff",
    b"NaN",
    b"1e999",
    b"\\ud800",
    b"\xed\xa0\x80",
]


@pytest.mark.slow
@settings(max_examples=900)
@given(data=st.data())
def test_no_flipped_cut_or_added_byte_breaks_the_decoder(data: st.DataObject) -> None:
    value = bytearray(data.draw(st.sampled_from(CORPUS)))
    for at in data.draw(st.lists(st.integers(0, len(value) - 1), min_size=1, max_size=4)):
        piece = data.draw(st.one_of(st.sampled_from([b"", *PIECES]), st.binary(min_size=1, max_size=1)))
        value[at : at + data.draw(st.integers(0, 2))] = piece
    rejection(bytes(value))


JSON_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just("9" * 30)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
CHANGES: tuple[Callable[[dict[str, Any], str, Any], Any], ...] = (
    lambda fields, name, value: fields | {name: value},
    lambda fields, name, value: {key: fields[key] for key in fields if key != name},
    lambda fields, name, value: fields | {f"{name}2": value},
    lambda fields, name, value: fields | {name: [fields[name], value]},
    lambda fields, name, value: {name: fields, "other": value},
)


@pytest.mark.slow
@settings(max_examples=400)
@given(base=st.sampled_from((LOGIN, KEYSTROKE)), change=st.sampled_from(CHANGES), value=JSON_VALUES, data=st.data())
def test_no_change_of_structure_breaks_the_decoder(
    base: dict[str, Any], change: Callable[..., Any], value: Any, data: st.DataObject
) -> None:
    changed = change(base, data.draw(st.sampled_from(sorted(base))), value)
    rejection(json.dumps(changed, ensure_ascii=data.draw(st.booleans())).encode(errors="surrogatepass"))
