"""The examples are what they are called: each is read by the decoder and by its schema; none is without a schema."""

import json
import re
from pathlib import Path
from shutil import copytree

import pytest
from schemas.generator.__main__ import ROOT
from schemas.generator.json_schema import STRUCTS
from tests.schema.reading import Refused, decode, is_valid, json_files

FEWEST = 2
PERSONAL = re.compile(rb"(?<![\d.])1[3-9]\d{9}(?!\d)|\d{17}[\dXx](?!\d)|[\w.]+@[\w.]+|[\xe4-\xe9][\x80-\xbf]{2}")
"""A mobile number, an identity number, a mail address, a Chinese character."""


def flaws(root: Path) -> list[str]:
    """Return what is wrong with the schemas and examples below a folder, one line each."""
    found = list[str]()
    schemas = {path.name.split(".")[0] for path in root.glob("*.v*.json")}
    folders = {path.name for path in (root / "examples").iterdir()}
    found += [f"{name}: no schema" for name in sorted(STRUCTS.keys() - schemas)]
    found += [f"{name}: a schema of nothing" for name in sorted(schemas - STRUCTS.keys())]
    found += [f"{name}: examples of nothing" for name in sorted(folders - schemas)]
    for name in sorted(schemas):
        versions = sorted(int(path.name.split(".")[1][1:]) for path in root.glob(f"{name}.v*.json"))
        if versions != list(range(1, len(versions) + 1)):
            found.append(f"{name}: versions {versions}")
        for version in versions:
            found += _flaws_of(name, root / "examples" / name / f"v{version}")
    return found


def _flaws_of(name: str, folder: Path) -> list[str]:
    paths = json_files(folder)
    found = [] if len(paths) >= FEWEST else [f"{name}: {len(paths)} examples"]
    for path in paths:
        value = path.read_bytes()
        try:
            decode(name, value)
        except Refused as error:
            found.append(f"{name}/{path.stem}: {error}")
        if not is_valid(name, json.loads(value)):
            found.append(f"{name}/{path.stem}: not by its schema")
        if PERSONAL.search(value):
            found.append(f"{name}/{path.stem}: looks like a person's")
    return found


def test_every_schema_has_examples_that_it_and_the_decoder_take() -> None:
    assert flaws(ROOT) == []


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return copytree(ROOT, tmp_path / "schemas")


@pytest.mark.parametrize(
    ("file", "was", "becomes", "n_flaws"),
    [
        ("login/v1/success.json", '"success"', '"succeeded"', 2),
        ("login/v1/success.json", '"seq"', '"sequence"', 2),
        ("keystroke/v1/pasted.json", '"classes": ""', '"classes": "l"', 1),
        ("keystroke/v1/pasted.json", '"classes": ""', '"classes": "", "key": "a"', 2),
        ("verdict/v1/revoke.json", '"revoke"', '"withdraw"', 2),
        ("label/v1/disputed_transfer.json", '"label"', '"override"', 2),
        ("override/v1/reviewer_allows.json", "Called back", "Called 13812345678 back", 1),
    ],
)
def test_a_broken_example_is_found(copy: Path, file: str, was: str, becomes: str, n_flaws: int) -> None:
    path = copy / "examples" / file
    text = path.read_text(encoding="utf-8")
    assert was in text
    path.write_text(text.replace(was, becomes, 1), encoding="utf-8")
    assert len(flaws(copy)) == n_flaws


def test_a_missing_example_is_found(copy: Path) -> None:
    (copy / "examples/label/v1/disputed_transfer.json").unlink()
    assert flaws(copy) == ["label: 1 examples"]


def test_a_missing_schema_is_found(copy: Path) -> None:
    (copy / "login.v1.json").unlink()
    assert flaws(copy) == ["login: no schema", "login: examples of nothing"]


def test_a_schema_of_nothing_is_found(copy: Path) -> None:
    (copy / "logout.v1.json").write_text("{}")
    assert flaws(copy) == ["logout: a schema of nothing", "logout: 0 examples"]


def test_a_gap_in_the_versions_is_found(copy: Path) -> None:
    copytree(copy / "examples/login/v1", copy / "examples/login/v3")
    (copy / "login.v3.json").write_text("{}")
    assert flaws(copy) == ["login: versions [1, 3]"]
