"""The learned score: how probable fraud is, and how odd a session is among honest ones; plain arrays, walked here."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from menshen.fraud.maths.trees import Places, Reals, Trees, as_single, reached

ODDNESS_DECIMALS = 9
"""Where oddness is rounded: the last bits of a sum differ with how many rows are scored together."""


class ModelError(Exception):
    """The model cannot score these rows. Calling again does not help: judge without it."""


class Scores(NamedTuple):
    """What the model says of n rows, whole numbers per mille from 0 to 1000, shape (n,) each.

    `risk` is the calibrated probability of fraud, `anomaly` the share of honest sessions that look less odd.
    """

    risk: NDArray[np.int64]
    anomaly: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Risk:
    """Boosted trees: the leaves and `baseline` add up to log-odds, which a sigmoid turns into a probability.

    References
    ----------
    Platt, J. (1999), Probabilistic outputs for support vector machines, Advances in Large Margin Classifiers: the
    calibration 1 / (1 + exp(slope * log-odds + intercept)), fitted on sessions that the trees have not seen.
    """

    trees: Trees
    baseline: float
    slope: float
    intercept: float

    def log_odds(self, rows: Reals) -> Reals:
        """Return the trees' own log-odds; (n, n_features) -> (n,)."""
        total: Reals = reached(self.trees, rows).sum(axis=1) + self.baseline
        return total

    def probability(self, rows: Reals) -> Reals:
        """Return the calibrated probability of fraud; (n, n_features) -> (n,)."""
        exponent = self.slope * self.log_odds(rows) + self.intercept
        probability: Reals = 1 / (1 + np.exp(np.minimum(exponent, 700.0)))
        return probability


def filled(rows: Reals, ordinary: Reals) -> Reals:
    """Return the rows with an ordinary value where one is absent; (n, n_features), (n_features,) -> (n, n_features)."""
    return np.where(np.isnan(rows), ordinary, rows)


@dataclass(frozen=True, eq=False)
class Anomaly:
    """An isolation forest: what a few random cuts set apart is odd. A leaf's value is the depth that it stands for.

    `usual_depth` is what the trees' depths add up to for an ordinary row; `levels` are oddnesses of honest sessions,
    rising, one each per mille. `ordinary` holds the honest median of each feature, which stands in for what is absent:
    whoever sends less is not odd for that.

    References
    ----------
    Liu, F. T., Ting, K. M., Zhou, Z.-H. (2008), Isolation forest, ICDM 2008: the score 2 ** -(depth / usual depth).
    """

    trees: Trees
    usual_depth: float
    levels: Reals
    ordinary: Reals

    def oddness(self, rows: Reals) -> Reals:
        """Return the paper's score, from 0 (ordinary) to 1 (set apart at once); (n, n_features) -> (n,)."""
        depth = reached(self.trees, as_single(filled(rows, self.ordinary))).sum(axis=1)
        oddness: Reals = np.exp2(-depth / self.usual_depth)
        return oddness

    def per_mille(self, rows: Reals) -> NDArray[np.int64]:
        """Return how many honest sessions in a thousand look less odd; (n, n_features) -> (n,)."""
        oddness = self.oddness(rows)
        _refuse_unless_finite(oddness)
        return np.searchsorted(self.levels, np.round(oddness, ODDNESS_DECIMALS), side="left").astype(np.int64)


@dataclass(frozen=True, eq=False)
class Model:
    """Both scores, from the features that it was trained on: `columns` says where in a row of `n_inputs` they stand."""

    version: str
    n_inputs: int
    columns: Places
    risk: Risk
    anomaly: Anomaly

    def score(self, rows: Reals) -> Scores:
        """Score rows of the whole feature vector; (n, n_inputs), NaN where a value is absent.

        Raises
        ------
        ModelError
            For rows of another width, for an infinite value, and where a score comes out as no number.
        """
        if rows.ndim != 2 or rows.shape[1] != self.n_inputs:
            raise ModelError(f"rows have the shape {rows.shape}, not (n, {self.n_inputs})")
        chosen = rows[:, self.columns].astype(np.float64)
        if np.isinf(chosen).any():
            raise ModelError("a feature is infinite")
        probability = self.risk.probability(chosen)
        _refuse_unless_finite(probability)
        return Scores(np.rint(1000 * probability).astype(np.int64), self.anomaly.per_mille(chosen))


def _refuse_unless_finite(scores: Reals) -> None:
    if not np.isfinite(scores).all():
        raise ModelError("a score is no number")
