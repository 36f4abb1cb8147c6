"""The two readers of a record that must agree: the decoder of this release, and anybody's JSON Schema validator."""

import json
from functools import cache
from pathlib import Path

import msgspec
from jsonschema import Draft202012Validator
from schemas.generator.__main__ import ROOT
from schemas.generator.json_schema import STRUCTS, file_of

from menshen.contract.decoding import Undecodable, decode_event
from menshen.contract.events import FAMILIES

EVENT_NAMES = tuple(name for name, kind in STRUCTS.items() if kind in FAMILIES)


class Refused(Exception):
    """The decoder does not take the record."""


def decode(name: str, value: bytes) -> msgspec.Struct:
    """Decode a record's value as the struct of that name, as its consumers do."""
    try:
        record = decode_event(value) if name in EVENT_NAMES else msgspec.json.decode(value, type=STRUCTS[name])
    except (Undecodable, msgspec.MsgspecError) as error:
        raise Refused(str(error)) from error
    if type(record) is not STRUCTS[name]:
        raise Refused(f"{type(record).__name__}, not {name}")
    return record


def is_decodable(name: str, document: object) -> bool:
    """Say whether the decoder takes the document."""
    try:
        decode(name, json.dumps(document).encode())
    except Refused:
        return False
    return True


@cache
def validator(name: str) -> Draft202012Validator:
    """Return a validator of the schema file of that name."""
    return Draft202012Validator(json.loads((ROOT / file_of(name)).read_text(encoding="utf-8")))


def is_valid(name: str, document: object) -> bool:
    """Say whether the schema takes the document."""
    return bool(validator(name).is_valid(document))


def json_files(folder: Path) -> list[Path]:
    """Return the JSON files below a folder, sorted."""
    return sorted(folder.rglob("*.json"))
