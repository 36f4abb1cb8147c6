"""The schema files are the structs', and a validator refuses what the decoder refuses."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from schemas.generator.__main__ import ROOT, documents
from schemas.generator.fields import FIELDS, RULES
from schemas.generator.json_schema import STRUCTS, key_of, named_fields
from tests.schema.reading import EVENT_NAMES, is_decodable, is_valid, json_files, validator
from tests.schema.spoiling import spoiled
from tests.strategies import bare_events, events

from menshen.contract.decoding import encode_event

named = pytest.mark.parametrize("name", EVENT_NAMES)
EXAMPLES = ROOT / "examples"
KEYSTROKE = json.loads((EXAMPLES / "keystroke" / "v1" / "typed_name.json").read_bytes())
TRANSFER = json.loads((EXAMPLES / "checkpoint" / "v1" / "fund_transfer.json").read_bytes())
OVERRIDE = json.loads((EXAMPLES / "override" / "v1" / "reviewer_blocks.json").read_bytes())
LOCATION = json.loads((EXAMPLES / "location" / "v1" / "all_sources.json").read_bytes())
POINTER = json.loads((EXAMPLES / "pointer" / "v1" / "two_swipes.json").read_bytes())


@pytest.mark.parametrize("file", sorted(documents()))
def test_a_generated_file_is_current(file: str) -> None:
    assert (ROOT / file).read_text(encoding="utf-8") == documents()[file], "run: python -m schemas.generator"


@pytest.mark.parametrize("name", STRUCTS)
def test_a_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(validator(name).schema)


def test_no_description_and_no_rule_is_left_over() -> None:
    fields = set(named_fields())
    assert set(FIELDS) == {key_of(title, field) for title, field in fields}
    assert set(RULES) <= {title for title, _ in fields}


@pytest.mark.slow
@named
@settings(max_examples=25)
@given(data=st.data())
def test_the_schema_takes_every_event_that_the_decoder_takes(name: str, data: st.DataObject) -> None:
    event = data.draw(st.one_of(events(STRUCTS[name]), bare_events(STRUCTS[name])))
    assert is_valid(name, json.loads(encode_event(event)))


@pytest.mark.slow
@named
@settings(max_examples=10)
@given(data=st.data())
def test_schema_and_decoder_refuse_a_drawn_event_with_any_one_fault(name: str, data: st.DataObject) -> None:
    document = json.loads(encode_event(data.draw(events(STRUCTS[name]))))
    for fault, bad in spoiled(validator(name).schema, document):
        assert not is_valid(name, bad), f"the schema takes {fault}"
        assert not is_decodable(name, bad), f"the decoder takes {fault}"


@pytest.mark.parametrize("path", json_files(EXAMPLES), ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_schema_and_decoder_refuse_an_example_with_any_one_fault(path: Path) -> None:
    name = path.parts[-3]
    document = json.loads(path.read_bytes())
    faults = list(spoiled(validator(name).schema, document))
    assert len(faults) > len(document)
    taken = [fault for fault, bad in faults if is_valid(name, bad) or is_decodable(name, bad)]
    assert taken == []


@pytest.mark.parametrize("name", STRUCTS)
def test_a_field_of_a_newer_producer_is_ignored_except_in_keystroke(name: str) -> None:
    for path in json_files(EXAMPLES / name):
        document = json.loads(path.read_bytes()) | {"field_of_a_later_release": [1]}
        assert is_valid(name, document) == is_decodable(name, document) == (name != "keystroke")


@named
def test_another_major_version_is_refused(name: str) -> None:
    for path in json_files(EXAMPLES / name):
        document = json.loads(path.read_bytes()) | {"version": 2}
        assert not is_valid(name, document)
        assert not is_decodable(name, document)


@pytest.mark.parametrize("identity", ["key", "code", "keys", "text", "key_code", "char", "value", "Key"])
def test_there_is_no_place_for_the_identity_of_a_key(identity: str) -> None:
    document = KEYSTROKE | {identity: "a"}
    assert not is_valid("keystroke", document)
    assert not is_decodable("keystroke", document)


@pytest.mark.parametrize("classes", ["lllsllllx", "llls1llll", "LLLSLLLLL"])
def test_a_class_of_key_names_no_key(classes: str) -> None:
    document = KEYSTROKE | {"classes": classes}
    assert not is_valid("keystroke", document)
    assert not is_decodable("keystroke", document)


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({}, True),
        ({"amount": None, "currency": None, "step": "agreement"}, True),
        ({"amount": None, "step": "agreement"}, False),
        ({"currency": None, "step": "agreement"}, False),
        ({"amount": None, "currency": None}, False),
        ({"draw_id": None}, False),
        ({"payee_ref": None}, False),
        ({"draw_id": None, "payee_ref": None, "step": "agreement"}, True),
    ],
)
@pytest.mark.parametrize(("name", "transfer"), [("checkpoint", TRANSFER), ("override", OVERRIDE)])
def test_the_rules_between_the_fields_of_a_question_are_in_its_schema(
    name: str, transfer: dict[str, object], changes: dict[str, object], fits: bool
) -> None:
    nulls = transfer | changes
    left_out = {field: value for field, value in nulls.items() if value is not None}
    for document in (nulls, left_out):
        assert is_valid(name, document) == is_decodable(name, document) == fits


@pytest.mark.parametrize(("operators", "fits"), [(["op-1", "op-2"], True), (["op-1", "op-1"], False)])
def test_the_schema_says_that_each_operator_is_named_once(operators: list[str], fits: bool) -> None:
    document = OVERRIDE | {"operators": operators}
    assert is_valid("override", document) == is_decodable("override", document) == fits


@pytest.mark.parametrize(
    ("name", "document", "part"),
    [
        ("keystroke", KEYSTROKE | {"hold_ms": [1]}, "Keystroke"),
        ("pointer", POINTER | {"x_px": [1]}, "Pointer"),
        ("pointer", POINTER | {"starts": [6, 0]}, "Pointer"),
        ("pointer", POINTER | {"starts": [0, 99]}, "Pointer"),
        ("location", LOCATION | {"wifi": {"bssids": [], "rssi_dbm": [-40]}}, "WifiScan"),
    ],
)
def test_what_only_the_decoder_sees_stands_in_a_comment(name: str, document: object, part: str) -> None:
    assert is_valid(name, document)
    assert not is_decodable(name, document)
    schema = validator(name).schema
    assert "Beyond this schema" in (schema if schema["title"] == part else schema["$defs"][part])["$comment"]
