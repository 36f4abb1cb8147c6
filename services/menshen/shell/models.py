"""Reads a model from its folder: `arrays.npz` (plain arrays, never a pickle) and its description, `manifest.json`."""

import hashlib
import io
import zipfile
import zlib
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from menshen.fraud.maths.trees import Trees, TreesError, planted
from menshen.fraud.model import Anomaly, Model, ModelError, Risk

ARRAYS, MANIFEST = "arrays.npz", "manifest.json"
TREE_COLUMNS = ("roots", "feature", "threshold", "left", "right", "absent_left", "value")
N_LEVELS = 1000
MAX_BYTES = 64 * 2**20

Arrays: TypeAlias = dict[str, NDArray[np.generic]]


class ModelRefused(Exception):
    """The folder holds no model that can be trusted; the message says why. Put a sound one there and start again."""


class Typical(Struct, frozen=True, forbid_unknown_fields=True):
    """A feature among the honest sessions of the training: its median where present, and how often it is."""

    median: float
    present: float


class ProbeScores(Struct, frozen=True, forbid_unknown_fields=True):
    """What the probe rows scored when the model was made, per mille."""

    risk: tuple[int, ...]
    anomaly: tuple[int, ...]


class Manifest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a model is: a description for people, and what `load` compares with the arrays.

    `about` says what it was trained on, `metrics` how it did on sessions that it had not seen.
    """

    format: Literal[1]
    name: str
    sha256: str
    features: tuple[str, ...]
    typical: dict[str, Typical]
    probe: ProbeScores
    about: dict[str, str | int | float | bool]
    metrics: dict[str, float | int | list[list[float]]]


def load(model_dir: Path, features: tuple[str, ...]) -> Model:
    """Return the model of a folder, for rows that hold these features in this order.

    Features that the model was not trained on are left alone. The probe rows are scored again on the way: a model that
    does not score here as it did where it was made is refused.

    Raises
    ------
    ModelRefused
        If anything is missing, damaged, or not as the manifest says. Nothing was executed.
    """
    manifest = read_manifest(model_dir)
    arrays = _read_arrays(model_dir / ARRAYS, manifest)
    model = build(manifest, arrays, features)
    _check_probe(manifest, arrays, model, features)
    return model


def read_manifest(model_dir: Path) -> Manifest:
    """Read what a folder says of its model. Raises `ModelRefused`."""
    try:
        return msgspec.json.decode((model_dir / MANIFEST).read_bytes(), type=Manifest)
    except OSError as error:
        raise ModelRefused(f"{model_dir}: no {MANIFEST}: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise ModelRefused(f"{model_dir}: {MANIFEST} cannot be read: {error}") from None


def _read_arrays(path: Path, manifest: Manifest) -> Arrays:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ModelRefused(f"{path}: larger than {MAX_BYTES} bytes")
        content = path.read_bytes()
    except OSError as error:
        raise ModelRefused(f"{path}: {error.strerror}") from None
    if hashlib.sha256(content).hexdigest() != manifest.sha256:
        raise ModelRefused(f"{path}: not the bytes that the manifest names (sha256)")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, TypeError, AttributeError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ModelRefused(f"{path}: no archive of plain arrays: {error}") from None


def build(manifest: Manifest, arrays: Arrays, features: tuple[str, ...]) -> Model:
    """Put a model together and look at every array. Raises `ModelRefused`."""
    if arrays.get("features", np.array([])).tolist() != list(manifest.features) or not manifest.features:
        raise ModelRefused(f"{manifest.name}: arrays and manifest name different features")
    if lacking := [name for name in manifest.features if name not in features]:
        raise ModelRefused(f"{manifest.name}: needs features that no detector gives: {', '.join(lacking)}")
    columns = tuple(features.index(name) for name in manifest.features)
    baseline, slope, intercept = _numbers(manifest, arrays, "risk_numbers", 3)
    usual_depth, *_ = _numbers(manifest, arrays, "anomaly_numbers", 1)
    levels = tuple(_numbers(manifest, arrays, "anomaly_levels", N_LEVELS))
    if usual_depth <= 0 or (np.diff(levels) < 0).any():
        raise ModelRefused(f"{manifest.name}: the anomaly's levels do not rise, or its usual depth is not above 0")
    risk = Risk(_trees(manifest, arrays, "risk"), baseline, slope, intercept)
    ordinary = np.array(_numbers(manifest, arrays, "anomaly_ordinary", len(columns)))
    anomaly = Anomaly(_trees(manifest, arrays, "anomaly"), usual_depth, levels, ordinary)
    return Model(f"{manifest.name}-{manifest.sha256[:12]}", len(features), columns, risk, anomaly)


def _numbers(manifest: Manifest, arrays: Arrays, name: str, size: int) -> list[float]:
    numbers = arrays.get(name, np.array([]))
    if numbers.shape != (size,) or numbers.dtype != np.float64 or not np.isfinite(numbers.astype(np.float64)).all():
        raise ModelRefused(f"{manifest.name}: {name} must be {size} finite numbers")
    return [float(number) for number in numbers.astype(np.float64)]


def _trees(manifest: Manifest, arrays: Arrays, prefix: str) -> Trees:
    columns = {name: arrays[f"{prefix}_{name}"] for name in TREE_COLUMNS if f"{prefix}_{name}" in arrays}
    try:
        return planted(columns, len(manifest.features))
    except TreesError as error:
        raise ModelRefused(f"{manifest.name}: {prefix}: {error}") from None


def _check_probe(manifest: Manifest, arrays: Arrays, model: Model, features: tuple[str, ...]) -> None:
    probe = arrays.get("probe", np.array([]))
    if probe.ndim != 2 or probe.shape[1] != len(manifest.features) or not len(probe) or probe.dtype != np.float64:
        raise ModelRefused(f"{manifest.name}: probe must be rows of {len(manifest.features)} numbers")
    rows = np.full((len(probe), len(features)), np.nan)
    rows[:, model.columns] = probe
    try:
        scores = model.score_all(rows)
    except ModelError as error:
        raise ModelRefused(f"{manifest.name}: cannot score its probe: {error}") from None
    if (tuple(scores.risk.tolist()), tuple(scores.anomaly.tolist())) != (manifest.probe.risk, manifest.probe.anomaly):
        raise ModelRefused(f"{manifest.name}: does not score its probe as it did when it was made")
