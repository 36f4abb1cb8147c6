"""Turns what scikit-learn fitted into plain arrays, and writes them with their manifest: same model, same bytes."""

import hashlib
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace

from menshen.fraud.maths.trees import Reals
from menshen.learn.fitting import Fitted
from menshen.shell.models import ARRAYS, MANIFEST, TREE_COLUMNS, Arrays, Manifest, ProbeScores, build

Columns = dict[str, Any]


def arrays_of(fitted: Fitted, features: tuple[str, ...], probe: Reals) -> Arrays:
    """Return the arrays that `menshen.shell.models.load` reads."""
    (calibrated,) = fitted.calibrated.calibrated_classifiers_
    (sigmoid,) = calibrated.calibrators
    baseline = float(fitted.boosted._baseline_prediction.item())
    depth = fitted.forest.n_estimators * _unsuccessful_search(np.array([fitted.forest.max_samples_]))[0]
    return {
        "features": np.array(features),
        "probe": probe,
        "risk_numbers": np.array([baseline, sigmoid.a_, sigmoid.b_], dtype=np.float64),
        "anomaly_numbers": np.array([depth], dtype=np.float64),
        "anomaly_levels": fitted.levels,
        "anomaly_ordinary": fitted.ordinary,
        **_named("risk", boosted_arrays(fitted.boosted)),
        **_named("anomaly", forest_arrays(fitted.forest)),
    }


def _named(prefix: str, columns: Arrays) -> Arrays:
    return {f"{prefix}_{name}": columns[name] for name in TREE_COLUMNS}


def boosted_arrays(boosted: Any) -> Arrays:
    """Flatten the trees of a HistGradientBoosting model that tells two classes apart."""
    return _joined(_boosted_columns(tree.nodes) for (tree,) in boosted._predictors)


def _boosted_columns(nodes: Any) -> Columns:
    if nodes["is_categorical"].any():
        raise ValueError("categories are not exported")
    return {
        "leaf": nodes["is_leaf"].astype(bool),
        "feature": nodes["feature_idx"],
        "threshold": nodes["num_threshold"],
        "left": nodes["left"],
        "right": nodes["right"],
        "absent_left": nodes["missing_go_to_left"].astype(bool),
        "value": nodes["value"],
    }


def forest_arrays(forest: Any) -> Arrays:
    """Flatten an isolation forest; a leaf's value is its depth and what its rows would have taken to be set apart."""
    return _joined(_isolating_columns(one.tree_) for one in forest.estimators_)


def _isolating_columns(tree: Any) -> Columns:
    return {
        "leaf": tree.children_left < 0,
        "feature": tree.feature,
        "threshold": tree.threshold,
        "left": tree.children_left,
        "right": tree.children_right,
        "absent_left": tree.missing_go_to_left.astype(bool),
        "value": tree.compute_node_depths() - 1.0 + _unsuccessful_search(tree.n_node_samples),
    }


def _unsuccessful_search(n_rows: Any) -> Reals:
    """Return the mean depth at which a search fails in a random tree of so many rows (Liu et al. 2008, eq. 1)."""
    n = np.maximum(np.asarray(n_rows, dtype=np.float64), 2.0)
    depth = 2.0 * (np.log(np.maximum(n - 1.0, 1.0)) + np.euler_gamma) - 2.0 * (n - 1.0) / n
    return np.where(np.asarray(n_rows) <= 1, 0.0, np.where(np.asarray(n_rows) == 2, 1.0, depth))


def _joined(trees: Iterable[Columns]) -> Arrays:
    """Put trees one after the other; a leaf becomes its own child, on both sides."""
    parts, roots, first = list[Columns](), list[int](), 0
    for tree in trees:
        here, leaf = np.arange(len(tree["leaf"])), tree["leaf"]
        places = {side: first + np.where(leaf, here, tree[side].astype(np.int64)) for side in ("left", "right")}
        cleared = {"feature": np.where(leaf, 0, tree["feature"]), "threshold": np.where(leaf, 0.0, tree["threshold"])}
        parts.append({**tree, **places, **cleared, "value": np.where(leaf, tree["value"], 0.0)})
        roots.append(first)
        first += len(here)
    kinds = {"feature": np.int16, "left": np.int32, "right": np.int32, "absent_left": np.bool_}
    joined: Arrays = {
        name: np.concatenate([part[name] for part in parts]).astype(kinds.get(name, np.float64))
        for name in TREE_COLUMNS[1:]
    }
    return {"roots": np.array(roots, dtype=np.int32), **joined}


def write_model(out_dir: Path, manifest: Manifest, arrays: Arrays) -> Manifest:
    """Write both files of a model, and return its manifest with the checksum and the probe's scores filled in."""
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    manifest = replace(manifest, sha256=hashlib.sha256(content.getvalue()).hexdigest())
    scores = build(manifest, arrays, manifest.features).score_all(arrays["probe"].astype(np.float64))
    probe = ProbeScores(risk=tuple(scores.risk.tolist()), anomaly=tuple(scores.anomaly.tolist()))
    manifest = replace(manifest, probe=probe)
    out_dir.mkdir(parents=True, exist_ok=True)
    (out_dir / ARRAYS).write_bytes(content.getvalue())
    (out_dir / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    return manifest
