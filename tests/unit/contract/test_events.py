"""What the families promise beyond their types: columns that fit, fields that go together, nothing without bounds."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect
from tests.strategies import events

from menshen.contract.dead_letter import RejectReason
from menshen.contract.decoding import Undecodable, decode_event
from menshen.contract.events import FAMILIES, Checkpoint, Envelope, Id, Keystroke, Location, Override, Pointer

ENVELOPE = {
    "event_id": "e",
    "subject_id": "s",
    "session_id": "v",
    "seq": 0,
    "occurred_ms": 0,
    "received_ms": 0,
    "assurance": "person",
    "product_id": "loan",
}
IDENTIFIERS = ("event_id", "subject_id", "session_id", "product_id", "application_id", "device_id")
CHECKPOINT = {"application_id": "a", "device_id": "d", "step": "agreement", "attempt": 1}
TRANSFER = {
    **CHECKPOINT,
    "step": "fund_transfer",
    "draw_id": "d",
    "payee_ref": "p",
    "amount": "1.00",
    "currency": "CNY",
}
DECIDED = {"decision": "allow", "operators": ["o1", "o2"]}
KEYSTROKE = {"field": "name", "hold_ms": [80, 90], "flight_ms": [-5], "classes": "ld"}
POINTER = {"kind": "touch", "starts": [0, 2], "t_ms": [0, 8, 16], "x_px": [1, 2, 3], "y_px": [1, 2, 3]}

questions = pytest.mark.parametrize(
    ("family", "said"), [(Checkpoint, {}), (Override, DECIDED)], ids=["asked", "decided"]
)
every_family = pytest.mark.parametrize("kind", FAMILIES, ids=lambda kind: kind.__name__)


def read(family: type[Envelope], /, **fields: Any) -> Envelope:
    return msgspec.convert({**ENVELOPE, **fields}, type=family)


def admitted(said: object, kind: Any) -> bool:
    try:
        msgspec.convert(said, type=kind)
    except msgspec.ValidationError:
        return False
    return True


def decodes(said: dict[str, Any]) -> bool:
    try:
        decode_event(msgspec.json.encode(said))
    except Undecodable as error:
        assert error.reason is RejectReason.INVALID
        return False
    return True


def refused(family: type[Envelope], /, **fields: Any) -> bool:
    return not admitted({**ENVELOPE, **fields}, family)


def unbounded(described: inspect.Type, path: str) -> Iterator[str]:
    """Walk through a type to the numbers, texts and lists that an attacker could make as large as he likes."""
    match described:
        case inspect.IntType() | inspect.FloatType():
            if (described.ge is None and described.gt is None) or (described.le is None and described.lt is None):
                yield path
        case inspect.StrType():
            if described.max_length is None and (described.pattern is None or set("*+") & set(described.pattern)):
                yield path
        case inspect.Metadata():
            yield from unbounded(described.type, path)
        case inspect.ListType():
            yield from [path] if described.max_length is None else []
            yield from unbounded(described.item_type, f"{path}[]")
        case inspect.UnionType():
            for one in described.types:
                yield from unbounded(one, path)
        case inspect.StructType():
            for field in described.fields:
                yield from unbounded(field.type, f"{path}.{field.name}")
        case inspect.NoneType() | inspect.BoolType() | inspect.LiteralType():
            return
        case _:
            yield f"{path}: {described}"


@every_family
def test_nothing_in_a_family_is_unbounded(kind: type[Envelope]) -> None:
    assert list(unbounded(inspect.type_info(kind), kind.__name__)) == []


def test_the_search_for_what_is_unbounded_bites() -> None:
    class Loose(msgspec.Struct):
        count: int
        text: str
        column: list[bool]
        table: dict[str, str]

    assert len(list(unbounded(inspect.type_info(Loose), ""))) == 4


@every_family
def test_a_family_says_that_it_is_immutable_and_what_it_is_called(kind: type[Envelope]) -> None:
    assert kind.__struct_config__.frozen
    assert kind.__struct_config__.tag == kind.__name__.lower()
    assert kind.__doc__


@settings(max_examples=60)
@given(event=events(), field=st.sampled_from(("event_id", "subject_id", "session_id", "product_id")))
def test_an_identifier_is_visible_ascii_of_at_most_64(event: Any, field: str) -> None:
    said = msgspec.to_builtins(event)
    for identifier in ("", " ", "a b", "a\n", "\x7f", "é", "ﬁ", "x" * 65, None, 1):
        assert not decodes({**said, field: identifier})
    assert decodes({**said, field: "x" * 64})


visible = st.characters(min_codepoint=0x21, max_codepoint=0x7E)
texts = st.text(visible, max_size=65) | st.text(st.characters(max_codepoint=0x80), max_size=4)


@settings(max_examples=200)
@given(event=events(), field=st.sampled_from(IDENTIFIERS), text=st.builds("{}{}".format, texts, texts))
def test_an_envelope_admits_as_an_identifier_what_the_pattern_admits(event: Any, field: str, text: str) -> None:
    """The decoder looks at all of them at once, and not by the pattern."""
    assert decodes({**msgspec.to_builtins(event), field: text}) is admitted(text, Id)


@questions
def test_a_question_names_amount_and_currency_together(family: type[Envelope], said: dict[str, Any]) -> None:
    assert not refused(family, **said, **CHECKPOINT)
    assert not refused(family, **said, **CHECKPOINT, amount="10.00", currency="CNY")
    assert refused(family, **said, **CHECKPOINT, amount="10.00")
    assert refused(family, **said, **CHECKPOINT, currency="CNY")


@questions
def test_a_transfer_names_draw_payee_and_amount(family: type[Envelope], said: dict[str, Any]) -> None:
    assert not refused(family, **said, **TRANSFER)
    for fields in ({"draw_id"}, {"payee_ref"}, {"application_id"}, {"device_id"}, {"amount", "currency"}):
        named = {name: value for name, value in TRANSFER.items() if name not in fields}
        assert refused(family, **said, **named), fields


def test_one_to_four_people_decide_and_each_of_them_once() -> None:
    for operators in (["o1"], ["o1", "o2"], ["o1", "o2", "o3", "o4"]):
        assert not refused(Override, **TRANSFER, decision="allow", operators=operators)
    for operators in ([], ["o1", "o1"], ["o1", "o2", "o1"], ["o1", "o2", "o3", "o4", "o5"], [""], "o1"):
        assert refused(Override, **TRANSFER, decision="allow", operators=operators), operators


def test_exposure_tells_all_three_figures_of_each_part_that_it_tells() -> None:
    outlay = {"open": "0.00", "day": "1.00", "month": "2.00"}
    for exposure in ({}, {"person": outlay}, {"person": outlay, "device": outlay, "payee": outlay}, {"payee": None}):
        assert not refused(Checkpoint, **TRANSFER, exposure=exposure)
    for wrong in ({"open": "0.00", "day": "1.00"}, {**outlay, "month": 2.0}, {**outlay, "day": "-1.00"}, []):
        assert refused(Checkpoint, **TRANSFER, exposure={"device": wrong}), wrong


@pytest.mark.parametrize(
    "amount", ["1", "1.0", "1.000", "-1.00", "+1.00", "1e3", "1,00", "NaN", "", "1.00\n", "１.00", "1" * 13 + ".00"]
)
def test_money_is_decimal_text_with_two_places(amount: str) -> None:
    assert refused(Checkpoint, **CHECKPOINT, amount=amount, currency="CNY")


@pytest.mark.parametrize("attempt", [0, -1, 1001, 1.0, "1", True])
def test_an_attempt_is_a_number_from_one(attempt: object) -> None:
    assert refused(Checkpoint, **{**CHECKPOINT, "attempt": attempt})


@pytest.mark.parametrize(
    "change",
    [
        {"hold_ms": [80]},
        {"classes": "l"},
        {"classes": "la"},
        {"flight_ms": []},
        {"flight_ms": [1, 2]},
        {"hold_ms": [80, -1]},
        {"hold_ms": [80, 60_001]},
        {"flight_ms": [-60_001]},
        {"hold_ms": [80, float("nan")]},
        {"hold_ms": [1] * 513, "flight_ms": [1] * 512, "classes": "l" * 513},
        {"field": "password"},
        {"key": "a"},
    ],
)
def test_a_field_visit_has_one_class_a_key_and_nothing_that_tells_the_key(change: dict[str, Any]) -> None:
    assert not refused(Keystroke, **KEYSTROKE)
    assert refused(Keystroke, **{**KEYSTROKE, **change})


def test_an_empty_field_visit_is_a_field_visit() -> None:
    assert not refused(Keystroke, **{**KEYSTROKE, "hold_ms": [], "flight_ms": [], "classes": ""})


@pytest.mark.parametrize(
    "change",
    [{"x_px": [1, 2]}, {"t_ms": []}, {"starts": [2, 0]}, {"starts": [1, 1]}, {"starts": [3]}, {"starts": [-1]}],
)
def test_strokes_begin_at_points_that_exist_in_rising_order(change: dict[str, Any]) -> None:
    assert not refused(Pointer, **POINTER)
    assert refused(Pointer, **{**POINTER, **change})


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), 90.01, -90.01, True, "1"])
def test_a_position_is_a_finite_number_on_earth(number: object) -> None:
    fix = {"latitude_deg": 1.0, "longitude_deg": 1.0, "accuracy_m": 1.0}
    assert not refused(Location, gps=fix)
    assert refused(Location, gps={**fix, "latitude_deg": number})


def test_each_access_point_has_its_strength() -> None:
    assert not refused(Location, wifi={"bssids": ["0123456789ab"], "rssi_dbm": [-60]})
    for wifi in ({"bssids": ["0123456789ab"], "rssi_dbm": []}, {"bssids": ["0123456789AB"], "rssi_dbm": [-60]}):
        assert refused(Location, wifi=wifi)
