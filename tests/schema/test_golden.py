"""Every record that was ever released is still read, and still means what it meant."""

import json
from pathlib import Path

import msgspec
import pytest
from schemas.generator.__main__ import ROOT
from schemas.generator.json_schema import STRUCTS
from tests.schema.filled_subject import filled_subject
from tests.schema.golden_files import GOLDEN, MEANING, meaning, meaning_of, read, records, still_means
from tests.schema.reading import is_valid, json_files

from menshen.fraud.detectors import DETECTORS
from menshen.fraud.subject import MAX_SUBJECT_BYTES, NOBODY, pack, unpack

golden = pytest.mark.parametrize("path", records(), ids=lambda path: f"{path.parts[-3]}-{path.stem}")


@golden
def test_a_golden_record_still_means_what_it_meant(path: Path) -> None:
    assert still_means(json.loads(meaning_of(path).read_bytes()), meaning(read(path)))


@golden
def test_a_golden_record_of_the_wire_fits_its_schema(path: Path) -> None:
    if path.suffix == ".json":
        assert is_valid(path.parts[-3], json.loads(path.read_bytes()))


def test_there_are_golden_records_of_everything_and_none_without_a_meaning() -> None:
    assert {path.parts[-3] for path in records()} == {*STRUCTS, "subject"}
    assert {meaning_of(path) for path in records()} == set(GOLDEN.glob(f"*/v*/*{MEANING}"))


def test_the_bytes_of_every_example_are_kept() -> None:
    examples = {path.relative_to(ROOT / "examples") for path in json_files(ROOT / "examples")}
    kept = {path.relative_to(GOLDEN) for path in records()}
    assert examples <= kept, "run: python -m tests.schema.golden_files"


def test_a_subject_of_this_release_comes_back_from_its_blob() -> None:
    subject = filled_subject()
    blob = pack(subject)
    assert len(blob) <= MAX_SUBJECT_BYTES
    assert pack(unpack(blob)) == blob
    assert meaning(unpack(blob)) == meaning(subject)


def test_the_golden_subject_has_every_member_and_every_state_filled() -> None:
    subject = filled_subject()
    empty = [name for name in subject.__struct_fields__ if getattr(subject, name) == getattr(NOBODY, name)]
    assert empty == ["version"]
    stateful = [detector for detector in DETECTORS if detector.state.__struct_fields__]
    assert [d.name for d in stateful if subject.states[d.name] == d.state()] == []


@pytest.mark.parametrize(
    ("stored", "now", "means"),
    [
        ({"a": 1}, {"a": 1, "added": 2}, True),
        ({"a": 1, "gone": 2}, {"a": 1}, False),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1, "added": 2}]}, True),
        ({"a": [1]}, {"a": [1, 2]}, False),
        ({"a": "x"}, {"a": None}, False),
    ],
)
def test_a_release_may_add_to_a_meaning_but_not_change_it(stored: object, now: object, means: bool) -> None:
    assert still_means(stored, now) == means


def test_a_blob_of_another_version_is_refused_and_not_misread() -> None:
    path = min((GOLDEN / "subject" / "v1").glob("*.bin"))
    fields = msgspec.msgpack.decode(path.read_bytes())
    with pytest.raises(msgspec.ValidationError):
        unpack(msgspec.msgpack.encode([2, *fields[1:]]))
