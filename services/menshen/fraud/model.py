"""The learned score: how probable fraud is, and how odd a session is among honest ones."""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from menshen.fraud.maths.forest import Forest, grown
from menshen.fraud.maths.trees import Reals, Trees, reading_single, with_ordinary

ODDNESS_DECIMALS = 9
"""Where oddness is rounded: in the last bits it is not the same wherever a model is made and read."""
MEMORY = 1024
"""So many scores are kept."""


class ModelError(Exception):
    """The model cannot score these rows. Calling again does not help: judge without it."""


class Score(NamedTuple):
    """What the model says of one row, whole numbers per mille from 0 to 1000.

    `risk` is the calibrated probability of fraud, `anomaly` the share of honest sessions that look less odd.
    """

    risk: int
    anomaly: int


class Scores(NamedTuple):
    """The same of n rows, shape (n,) each."""

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

    def probability(self, leaves: float) -> float:
        """Return the calibrated probability of fraud for what the leaves of a row add up to."""
        exponent = self.slope * (leaves + self.baseline) + self.intercept
        return 1 / (1 + math.exp(min(exponent, 700.0)))

    def per_mille(self, leaves: float) -> int:
        """Return that probability in whole per mille."""
        return round(1000 * self.probability(leaves))


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
    levels: tuple[float, ...]
    ordinary: Reals

    def oddness(self, depth: float) -> float:
        """Return the paper's score, from 0 (ordinary) to 1 (set apart at once), for what a row's depths add up to."""
        return math.exp2(-depth / self.usual_depth)

    def per_mille(self, depth: float) -> int:
        """Return how many honest sessions in a thousand look less odd."""
        return bisect_left(self.levels, rounded(self.oddness(depth)))


def rounded(oddness: float) -> float:
    """Return oddness to `ODDNESS_DECIMALS`, as numpy rounds the levels that it is compared with."""
    scale = 10.0**ODDNESS_DECIMALS
    return round(oddness * scale) / scale


@dataclass(frozen=True, eq=False)
class Model:
    """Both scores, from the features that it was trained on: `columns` says where in a row of `n_inputs` they stand."""

    version: str
    n_inputs: int
    columns: tuple[int, ...]
    risk: Risk
    anomaly: Anomaly

    @cached_property
    def forest(self) -> Forest:
        """The trees of both, for rows in double precision: what a row reaches in them is found in one pass."""
        return grown(self.risk.trees, with_ordinary(reading_single(self.anomaly.trees), self.anomaly.ordinary))

    @cached_property
    def _score_of(self) -> Callable[[int], Score]:
        """Return the score of the leaves that a row reaches.

        The last ones are kept: of a generated population, half of the rows reach what one shortly before has reached.
        """
        return lru_cache(maxsize=MEMORY)(self._scored)

    def _scored(self, reached: int) -> Score:
        leaves, depth = self.forest.totals(reached)
        try:
            return Score(self.risk.per_mille(leaves), self.anomaly.per_mille(depth))
        except (ValueError, OverflowError):
            raise ModelError("a score is no number") from None

    def score(self, row: Sequence[float]) -> Score:
        """Score one row of the whole feature vector; (n_inputs,), NaN where a value is absent.

        Raises
        ------
        ModelError
            For a row of another width, for an infinite value, and where a score comes out as no number.
        """
        if len(row) != self.n_inputs:
            raise ModelError(f"the row has {len(row)} values, not {self.n_inputs}")
        chosen = [row[column] for column in self.columns]
        if any(map(math.isinf, chosen)):
            raise ModelError("a feature is infinite")
        return self._score_of(self.forest.reached(chosen))

    def score_all(self, rows: Reals) -> Scores:
        """Score rows one after the other, (n, n_inputs): each as though it were alone. Raises `ModelError`."""
        scores = [self.score(row) for row in rows.tolist()]
        return Scores(*np.array(scores, dtype=np.int64).reshape(-1, 2).T)
