"""Fits both scores with scikit-learn, on one thread: the same rows and seed give the same trees."""

import os
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from menshen.fraud.maths.trees import Reals
from menshen.fraud.model import ODDNESS_DECIMALS
from menshen.learn.rehearsal import Rows
from menshen.shell.models import N_LEVELS

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when OpenMP is loaded: with two threads one row took 0.7 s

from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest
from sklearn.frozen import FrozenEstimator

N_BOOSTED, N_ISOLATING = 80, 100


class Fitted(NamedTuple):
    """What scikit-learn made: boosted trees with their calibration; a forest, the levels of honest oddness, and what is
    ordinary where a value is absent.
    """

    boosted: Any
    calibrated: Any
    forest: Any
    levels: Reals
    ordinary: Reals


def fit(seen: Rows, unseen: Rows, seed: int) -> Fitted:
    """Fit the trees on the first rows, and on the second, which the trees have not seen, what their scores mean.

    The forest and its levels come from honest rows alone.
    """
    boosted = boosted_trees(seen.values, seen.fraud, seed, n_trees=N_BOOSTED)
    calibrated = CalibratedClassifierCV(FrozenEstimator(boosted), method="sigmoid").fit(unseen.values, unseen.fraud)
    ordinary = medians(seen.values[~seen.fraud])
    forest = IsolationForest(n_estimators=N_ISOLATING, random_state=seed)
    forest.fit(filled(seen.values[~seen.fraud], ordinary))
    oddness = -forest.score_samples(filled(unseen.values[~unseen.fraud], ordinary))
    return Fitted(boosted, calibrated, forest, honest_levels(oddness), ordinary)


def filled(rows: Reals, ordinary: Reals) -> Reals:
    """Return the rows with an ordinary value where one is absent; (n, n_features), (n_features,) -> (n, n_features)."""
    return np.where(np.isnan(rows), ordinary, rows)


def medians(values: Reals) -> Reals:
    """Return the median of each feature where it is present, 0 where it never is; (n, n_features) -> (n_features,)."""
    present = (column[np.isfinite(column)] for column in values.T)
    return np.array([np.median(column) if len(column) else 0.0 for column in present])


def boosted_trees(values: Reals, fraud: NDArray[np.bool_], seed: int, *, n_trees: int) -> Any:
    """Return fitted boosted trees, few and shallow: they are walked at every decision."""
    boosted = HistGradientBoostingClassifier(
        max_iter=n_trees,
        max_depth=4,
        max_leaf_nodes=16,
        min_samples_leaf=40,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
    return boosted.fit(values, fraud)


def honest_levels(oddness: Reals) -> Reals:
    """Return the oddness that each per mille of honest sessions stays below; shape (`N_LEVELS`,)."""
    levels: Reals = np.round(np.quantile(oddness, np.arange(N_LEVELS) / N_LEVELS), ODDNESS_DECIMALS)
    return levels
