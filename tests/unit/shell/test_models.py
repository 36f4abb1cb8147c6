import hashlib
import io
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace
from tests.unit.learn.saplings import FEATURES, INF, NAN, arrays, manifest, write

from menshen.fraud.model import Model
from menshen.shell.models import ARRAYS, MANIFEST, Manifest, ModelRefused, load

MANIFEST_NOW = manifest()


class Canary:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return Path.touch, (self.path,)


def packed(**changes: Any) -> bytes:
    content = io.BytesIO()
    np.savez_compressed(content, **{name: array for name, array in (arrays() | changes).items() if array is not None})
    return content.getvalue()


def folder(tmp_path: Path, content: bytes, described: Manifest = MANIFEST_NOW) -> Path:
    """Write a model whose checksum is right, whatever else is wrong with it."""
    return write(tmp_path / "m", content, described, hashlib.sha256(content).hexdigest())


def refusal(model_dir: Path, features: tuple[str, ...] = FEATURES) -> str:
    with pytest.raises(ModelRefused) as refused:
        load(model_dir, features)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_sound_model_loads_and_is_named_after_its_bytes(tmp_path: Path) -> None:
    content = packed()
    model = load(folder(tmp_path, content), FEATURES)
    assert isinstance(model, Model)
    assert model.version == f"hand-{hashlib.sha256(content).hexdigest()[:12]}"


def test_features_are_found_by_name_and_new_ones_are_left_alone(tmp_path: Path) -> None:
    model_dir = folder(tmp_path, packed())
    before = load(model_dir, FEATURES).score([20.0, NAN])
    after = load(model_dir, ("age", "new", "speed")).score([NAN, 3.0, 20.0])
    assert after == before


def test_a_model_that_needs_a_feature_that_is_gone_is_refused(tmp_path: Path) -> None:
    assert "no detector gives: speed" in refusal(folder(tmp_path, packed()), ("age", "new"))


def test_a_missing_folder_or_file_is_refused(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "nowhere")
    model_dir = folder(tmp_path, packed())
    (model_dir / ARRAYS).unlink()
    assert "No such file" in refusal(model_dir)


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    model_dir, content = folder(tmp_path, packed()), packed()
    for size in (0, 1, 100, len(content) // 2, len(content) - 1):
        (model_dir / ARRAYS).write_bytes(content[:size])
        assert "sha256" in refusal(model_dir)


def test_a_flipped_bit_anywhere_is_refused(tmp_path: Path) -> None:
    model_dir, content = folder(tmp_path, packed()), packed()
    for at in range(0, len(content), 97):
        flipped = content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :]
        (model_dir / ARRAYS).write_bytes(flipped)
        assert "sha256" in refusal(model_dir)


def test_bytes_that_are_no_archive_are_refused_although_the_checksum_is_right(tmp_path: Path) -> None:
    content = packed()
    for other in (b"", b"no archive", content[: len(content) // 2], content[:-1]):
        assert "no archive" in refusal(folder(tmp_path, other))


def test_a_pickle_is_refused_and_never_executed(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    inside = np.array([Canary(canary)], dtype=object)
    assert "no archive of plain arrays" in refusal(folder(tmp_path, packed(risk_value=inside)))
    bare = io.BytesIO()
    np.save(bare, inside, allow_pickle=True)
    for content in (bare.getvalue(), inside.dumps()):
        assert "no archive of plain arrays" in refusal(folder(tmp_path, content))
    assert not canary.exists()
    np.load(io.BytesIO(bare.getvalue()), allow_pickle=True)
    assert canary.exists(), "the canary sings when it is let out"


@pytest.mark.parametrize(
    "damage",
    [
        {"risk_left": np.array([6, 1, 3, 3, 4, 5])},
        {"anomaly_left": np.array([1, 1, 0, 3, 4, 5])},
        {"risk_roots": np.array([7])},
        {"risk_feature": np.array([2, 0, 1, 0, 0, 0])},
        {"risk_threshold": np.array([NAN, 0, 0, 0, 0, 0])},
        {"risk_value": np.array([0, INF, 0, 0, 0, 0])},
        {"risk_value": None},
        {"anomaly_value": np.zeros(5)},
        {"risk_numbers": np.array([NAN, -1.0, 0.0])},
        {"risk_numbers": np.array([-3.0, -1.0])},
        {"risk_numbers": None},
        {"anomaly_numbers": np.array([0.0])},
        {"anomaly_levels": np.linspace(0.9, 0.2, 1000)},
        {"anomaly_levels": np.linspace(0.2, 0.9, 999)},
        {"anomaly_ordinary": np.array([5.0])},
        {"anomaly_ordinary": np.array([5.0, NAN])},
        {"features": np.array(["age", "speed"])},
        {"features": None},
        {"probe": np.zeros((2, 3))},
        {"probe": np.zeros((0, 2))},
        {"probe": np.array([[INF, 0.0]])},
        {"probe": None},
    ],
    ids=str,
)
def test_arrays_that_make_no_model_are_refused(tmp_path: Path, damage: dict[str, Any]) -> None:
    assert refusal(folder(tmp_path, packed(**damage))).startswith("hand: ")


def test_a_model_that_scores_otherwise_than_when_it_was_made_is_refused(tmp_path: Path) -> None:
    content = packed(risk_value=np.array([0, 1.0, 0, 2.0, 4.01, 0.5]))
    assert "does not score its probe as it did" in refusal(folder(tmp_path, content))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b'{"format": 2}', "cannot be read"),
        (b"{", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (msgspec.json.encode(MANIFEST_NOW).replace(b'"format":1', b'"format":2'), "format"),
        (msgspec.json.encode(MANIFEST_NOW).replace(b'"about"', b'"rumour"'), "rumour"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_refused(tmp_path: Path, written: bytes, said: str) -> None:
    model_dir = folder(tmp_path, packed())
    (model_dir / MANIFEST).write_bytes(written)
    assert said in refusal(model_dir)


def test_a_model_without_features_is_refused(tmp_path: Path) -> None:
    empty = packed(features=np.array([], dtype=np.str_))
    assert "features" in refusal(folder(tmp_path, empty, replace(MANIFEST_NOW, features=())))


def test_an_oversized_file_is_not_read(tmp_path: Path) -> None:
    model_dir = folder(tmp_path, packed())
    with (model_dir / ARRAYS).open("r+b") as file:
        file.truncate(2**40)
    assert "larger than" in refusal(model_dir)
