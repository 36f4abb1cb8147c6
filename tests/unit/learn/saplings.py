"""A model of three small trees, written by hand: small enough to follow with a finger."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from menshen.fraud.maths.trees import planted
from menshen.fraud.model import Anomaly, Model, Risk
from menshen.shell.models import ARRAYS, MANIFEST, N_LEVELS, Arrays, Manifest, ProbeScores, build

FEATURES = ("speed", "age")
NAN, INF = float("nan"), float("inf")


def saplings(**changes: Any) -> Arrays:
    """Return two trees over two features.

    The first: speed at most 10 gives 1; more, or absent, asks the second feature: present gives 2, absent 4. The other
    is a leaf of 0.5 from the root on.
    """
    columns = {
        "roots": np.array([0, 5], dtype=np.int32),
        "feature": np.array([0, 0, 1, 0, 0, 0], dtype=np.int16),
        "threshold": np.array([10.0, 0, INF, 0, 0, 0]),
        "left": np.array([1, 1, 3, 3, 4, 5], dtype=np.int32),
        "right": np.array([2, 1, 4, 3, 4, 5], dtype=np.int32),
        "absent_left": np.array([False, False, False, False, False, False]),
        "value": np.array([0, 1.0, 0, 2.0, 4.0, 0.5]),
    }
    return {**columns, **changes}


def model(**risk: Any) -> Model:
    """Return a model of the two features; `risk` changes its trees."""
    levels, ordinary = tuple(np.linspace(0.2, 0.9, N_LEVELS).tolist()), np.array([5.0, 1.0])
    anomaly = Anomaly(planted(saplings(), 2), 2.0, levels, ordinary)
    return Model("hand-made", 2, (0, 1), Risk(planted(saplings(**risk), 2), -3.0, -1.0, 0.0), anomaly)


def arrays() -> Arrays:
    """Return the arrays of that model, as a folder holds them."""
    return {
        "features": np.array(FEATURES),
        "probe": np.array([[5.0, 1.0], [20.0, NAN], [NAN, NAN]]),
        "risk_numbers": np.array([-3.0, -1.0, 0.0]),
        "anomaly_numbers": np.array([2.0]),
        "anomaly_levels": np.linspace(0.2, 0.9, N_LEVELS),
        "anomaly_ordinary": np.array([5.0, 1.0]),
        **{f"{part}_{name}": column for part in ("risk", "anomaly") for name, column in saplings().items()},
    }


def manifest() -> Manifest:
    """Return what describes it, with the scores of the probe."""
    empty = ProbeScores(risk=(), anomaly=())
    described: dict[str, Any] = {"format": 1, "name": "hand", "sha256": "0" * 64, "features": FEATURES, "typical": {}}
    without = Manifest(**described, probe=empty, about={}, metrics={})
    scores = build(without, arrays(), FEATURES).score_all(arrays()["probe"].astype(np.float64))
    probe = ProbeScores(risk=tuple(scores.risk.tolist()), anomaly=tuple(scores.anomaly.tolist()))
    return msgspec.structs.replace(without, probe=probe)


def write(folder: Path, content: bytes, described: Manifest, sha256: str) -> Path:
    """Write a model's two files."""
    folder.mkdir(exist_ok=True)
    (folder / ARRAYS).write_bytes(content)
    (folder / MANIFEST).write_bytes(msgspec.json.encode(msgspec.structs.replace(described, sha256=sha256)))
    return folder
