"""The model that is shipped fits the detectors that are shipped, and is as good as it says."""

import numpy as np
import pytest

from menshen.fraud.detectors import FEATURES
from menshen.fraud.model import Score
from menshen.learn.measures import auc, threshold_pm
from menshen.learn.population import population
from menshen.learn.rehearsal import rehearse
from menshen.shell.bundled import bundled
from menshen.shell.models import ARRAYS, load, read_manifest

pytestmark = pytest.mark.slow

FOLDER = bundled("deploy/models/default")
MODEL = load(FOLDER, FEATURES)
MANIFEST = read_manifest(FOLDER)


def score(**values: float) -> Score:
    """Score an ordinary customer with some values changed; NaN takes one away."""
    ordinary = {name: MANIFEST.typical[name].median for name in MANIFEST.features}
    return MODEL.score([{**ordinary, **values}.get(name, np.nan) for name in FEATURES])


def test_it_was_trained_on_every_feature_that_there_is() -> None:
    """A new detector does not break it, but it is then time to train again: `menshen learn`."""
    assert set(MANIFEST.features) == set(FEATURES)


def test_it_is_small_and_says_that_it_was_generated() -> None:
    assert (FOLDER / ARRAYS).stat().st_size < 2**20
    assert MANIFEST.about["generated"] is True


def test_its_figures_are_good_and_not_too_good_to_be_true() -> None:
    metrics = MANIFEST.metrics
    assert 0.95 < metrics["risk_auc"] < 0.999  # type: ignore[operator]
    assert 0.75 < metrics["anomaly_auc"] < 0.99  # type: ignore[operator]
    assert metrics["brier"] < 0.4 * metrics["brier_of_the_mean"]  # type: ignore[operator]
    assert 0.6 < metrics["recall_at_1pct"] < 0.98  # type: ignore[operator]
    assert metrics["held_out_fraud_rows"] > 500  # type: ignore[operator]


def test_its_risk_is_calibrated() -> None:
    bins = MANIFEST.metrics["reliability"]
    assert isinstance(bins, list)
    n_rows = sum(n for n, _, _ in bins)
    assert sum(n * abs(risk - share) for n, risk, share in bins) / n_rows < 0.02


def test_it_does_as_well_on_a_population_that_it_was_neither_trained_nor_measured_on() -> None:
    rows = rehearse(population(np.random.default_rng(987), 60), lambda *_: None)
    scores = MODEL.score_all(rows.values)
    assert auc(scores.risk, rows.fraud) > 0.93
    recall = (scores.risk >= threshold_pm(scores.risk, rows.fraud))[rows.fraud].mean()
    assert recall > 0.5


def test_an_ordinary_customer_is_neither_risky_nor_odd() -> None:
    assert score().risk < 20
    assert score().anomaly < 500


def test_silence_is_neither_guilt_nor_odd() -> None:
    """Whoever sends no place and no typing is judged by the rest."""
    silent = ("travel_kmh", "gps_ip_gap_km", "location_mocked")
    silent += ("typing_distance", "typing_keys_per_s", "typing_spread")
    assert score(**dict.fromkeys(silent, np.nan)).risk < 50
    assert score(**dict.fromkeys(silent, np.nan)).anomaly < 500


def test_a_farm_and_a_robot_are_risky_and_a_family_is_not() -> None:
    new = {"device_age_days": 0.0, "typing_distance": np.nan}
    assert score(**new, device_subjects_1d=8.0, device_subjects_30d=12.0).risk > 800
    assert score(**new, typing_keys_per_s=18.0, typing_spread=0.0).risk > 800
    assert score(device_subjects_1d=3.0, device_subjects_30d=4.0).risk < 200
