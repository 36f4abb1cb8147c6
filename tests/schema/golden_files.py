"""The bytes of released records, kept for ever, each with what it meant when it was written.

`python -m tests.schema.golden_files` adds those that are not there yet; it never touches one that is.
"""

import json
import tomllib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from schemas.generator.__main__ import ROOT
from tests.schema.filled_subject import filled_subject
from tests.schema.reading import decode, json_files

from menshen.fraud.detectors import DETECTORS
from menshen.fraud.subject import Subject, pack, unpack

GOLDEN = Path(__file__).parent / "golden"
MEANING = ".meaning.json"
RELEASE = tomllib.loads((ROOT.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def meaning(record: msgspec.Struct) -> Any:
    """Return all fields of a record as JSON values, also those that were left to their defaults."""
    if isinstance(record, Subject):
        states = {d.name: record.state_of(d.name, d.state) for d in DETECTORS if d.name in record.states}
        return _plain(msgspec.structs.asdict(record) | {"states": states})
    return _plain(record)


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return _plain(msgspec.structs.asdict(value))
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.hex() if isinstance(value, bytes) else value


def still_means(stored: Any, now: Any) -> bool:
    """Say whether everything that was meant then is meant now; later releases may have added to it."""
    if isinstance(stored, dict) and isinstance(now, dict):
        return all(key in now and still_means(value, now[key]) for key, value in stored.items())
    if isinstance(stored, list) and isinstance(now, list):
        return len(stored) == len(now) and all(map(still_means, stored, now))
    return bool(stored == now)


def read(path: Path) -> msgspec.Struct:
    """Read a golden record as this release does."""
    if path.suffix == ".bin":
        return unpack(path.read_bytes())
    return decode(path.parts[-3], path.read_bytes())


def records() -> list[Path]:
    """Return the golden records, without their meanings."""
    return sorted(path for path in GOLDEN.glob("*/v*/*") if not path.name.endswith(MEANING))


def meaning_of(path: Path) -> Path:
    """Return the file that says what a record meant."""
    return path.with_name(path.stem + MEANING)


def _new_records() -> Iterator[tuple[Path, Callable[[], bytes]]]:
    for path in json_files(ROOT / "examples"):
        name = path.parts[-3]
        yield GOLDEN / path.relative_to(ROOT / "examples"), partial(_on_the_wire, name, path)
    yield GOLDEN / "subject" / "v1" / f"{RELEASE}.bin", _a_subject


def _on_the_wire(name: str, example: Path) -> bytes:
    return msgspec.json.encode(decode(name, example.read_bytes()))


def _a_subject() -> bytes:
    return pack(filled_subject())


def add() -> list[Path]:
    """Write the golden records that are not there yet; return them."""
    added = [(path, encode) for path, encode in _new_records() if not path.exists()]
    for path, encode in added:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode())
        meaning_of(path).write_text(json.dumps(meaning(read(path)), indent=1) + "\n")
    return [path for path, _ in added]


if __name__ == "__main__":
    for path in add():
        print(path.relative_to(Path.cwd()))
