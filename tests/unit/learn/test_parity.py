"""Scores walked in numpy are those of scikit-learn; it trains small models here."""

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from menshen.fraud.maths.forest import grown
from menshen.fraud.maths.trees import Reals, Trees, planted, reading_single
from menshen.fraud.model import ODDNESS_DECIMALS, Model
from menshen.learn.exporting import arrays_of, boosted_arrays, forest_arrays
from menshen.learn.fitting import Fitted, boosted_trees, filled, fit
from menshen.learn.rehearsal import Rows
from menshen.learn.visits import HONEST
from menshen.shell.models import Manifest, ProbeScores, build

pytestmark = pytest.mark.slow

N_FEATURES = 6
FEATURES = tuple(f"f{i}" for i in range(N_FEATURES))


def some_rows(seed: int, n_rows: int, *, wild: bool = False) -> Rows:
    """Return rows of which features 0 to 3 are sometimes absent, 4 is never, 5 is absent for every other honest row."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n_rows, N_FEATURES)) * [1, 10, 1000, 0.01, 1, 1]
    fraud = rng.random(n_rows) < 1 / (1 + np.exp(-(values[:, 0] + values[:, 1] / 10 + 2 * values[:, 4])))
    values[:, 1] = np.round(values[:, 1])
    values[:, :4][rng.random((n_rows, 4)) < 0.3] = np.nan
    values[:, 5] = np.where(fraud | (rng.random(n_rows) < 0.5), 1.0, np.nan)
    if wild:
        values[rng.random((n_rows, N_FEATURES)) < 0.3] = np.nan
        values[rng.random((n_rows, N_FEATURES)) < 0.05] *= 1e30
    return Rows(values, np.where(fraud, "theft", HONEST), np.arange(n_rows).astype(str))


TESTED = some_rows(3, 3000, wild=True).values


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit(some_rows(1, 800), some_rows(2, 1000), seed=5)


@pytest.fixture(scope="module")
def model(fitted: Fitted) -> Model:
    probe = ProbeScores(risk=(), anomaly=())
    described = Manifest(
        format=1, name="m", sha256="0" * 64, features=FEATURES, typical={}, probe=probe, about={}, metrics={}
    )
    return build(described, arrays_of(fitted, FEATURES, TESTED[:5]), FEATURES)


def totals(trees: Trees, rows: Reals) -> Reals:
    """Return what the leaves of each row add up to; (n, n_features) -> (n,)."""
    forest = grown(trees)
    return np.array([forest.totals(forest.reached(row))[0] for row in rows.tolist()])


def oddness(model: Model, rows: Reals) -> Reals:
    return np.array([model.anomaly.oddness(model.forest.totals(model.forest.reached(row))[1]) for row in rows.tolist()])


def test_the_trees_log_odds_are_those_of_scikit_learn(fitted: Fitted, model: Model) -> None:
    log_odds = totals(model.risk.trees, TESTED) + model.risk.baseline
    assert np.abs(log_odds - fitted.boosted.decision_function(TESTED)).max() <= 1e-12


def test_the_calibrated_probability_is_that_of_scikit_learn(fitted: Fitted, model: Model) -> None:
    expected = fitted.calibrated.predict_proba(TESTED)[:, 1]
    probability = [model.risk.probability(leaves) for leaves in totals(model.risk.trees, TESTED).tolist()]
    assert np.abs(probability - expected).max() <= 1e-12
    assert np.abs(model.score_all(TESTED).risk - 1000 * expected).max() <= 0.5 + 1e-9


def test_the_oddness_is_that_of_scikit_learn(fitted: Fitted, model: Model) -> None:
    expected = -fitted.forest.score_samples(filled(TESTED, fitted.ordinary))
    assert np.abs(oddness(model, TESTED) - expected).max() <= 1e-12


def test_values_that_only_double_precision_tells_from_a_threshold_go_where_scikit_learn_sends_them(
    fitted: Fitted, model: Model
) -> None:
    tree = fitted.forest.estimators_[0].tree_
    rows = np.repeat(tree.threshold[:, None], N_FEATURES, axis=1)
    assert np.abs(oddness(model, rows) + fitted.forest.score_samples(rows)).max() <= 1e-12


def test_a_forest_that_was_trained_on_absent_values_is_walked_as_scikit_learn_does() -> None:
    forest = IsolationForest(n_estimators=20, random_state=1).fit(some_rows(1, 500).values)
    trees = planted(forest_arrays(forest), N_FEATURES)
    leaves = [tree.apply(TESTED.astype(np.float32), check_input=False) for tree in forest.estimators_]
    lengths = zip(forest._decision_path_lengths, forest._average_path_length_per_tree, leaves, strict=True)
    expected = np.sum([depth[leaf] - 1 + beyond[leaf] for depth, beyond, leaf in lengths], axis=0)
    assert np.abs(totals(reading_single(trees), TESTED) - expected).max() <= 1e-10


def test_trees_part_the_absent_from_the_rest_as_scikit_learn_does() -> None:
    """Feature 5 says something by being absent alone: its thresholds are infinite."""
    rows = some_rows(1, 2000)
    boosted = boosted_trees(rows.values[:, 5:], rows.fraud, 1, n_trees=3)
    arrays = boosted_arrays(boosted)
    assert np.isposinf(arrays["threshold"].astype(float)).any()
    log_odds = totals(planted(arrays, 1), TESTED[:, 5:]) + boosted._baseline_prediction.item()
    assert np.abs(log_odds - boosted.decision_function(TESTED[:, 5:])).max() <= 1e-12


def test_a_row_scores_the_same_alone_as_in_a_batch(model: Model) -> None:
    batch = model.score_all(TESTED[:400])
    alone = [model.score(row) for row in TESTED[:400].tolist()]
    assert list(zip(batch.risk.tolist(), batch.anomaly.tolist(), strict=True)) == alone


def test_anomaly_means_the_share_of_honest_sessions_that_look_less_odd(fitted: Fitted, model: Model) -> None:
    honest = some_rows(2, 1000)
    values = honest.values[~honest.fraud]
    rounded = np.round(oddness(model, values), ODDNESS_DECIMALS)
    expected = np.searchsorted(np.sort(rounded), rounded, side="left") / len(values)
    assert np.abs(model.score_all(values).anomaly / 1000 - expected).max() <= 0.005
