"""From a seed to a model: generate a population, judge it, fit on some of it, and measure on the rest."""

from importlib.metadata import version
from pathlib import Path

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from menshen.fraud.detectors import FEATURES
from menshen.fraud.maths.trees import Reals
from menshen.learn.exporting import arrays_of, write_model
from menshen.learn.fitting import fit
from menshen.learn.measures import metrics_of
from menshen.learn.population import population
from menshen.learn.rehearsal import Progress, Rows, rehearse
from menshen.learn.visits import HONEST
from menshen.shell.models import Manifest, ProbeScores, Typical, build

SHARES = ("fit", "fit", "fit", "calibrate", "measure")
"""How groups are dealt out: three to fit, one to calibrate, one to measure, and over again."""
N_PROBES = 24
NAME = "generated"


def train(out_dir: Path, *, seed: int, n_subjects: int, progress: Progress) -> Manifest:
    """Make a model and write it to a folder; the same seed and libraries give the same bytes.

    Whoever belongs together (an account and its thief, a household, a farm) is fitted, calibrated or measured as one:
    what was seen of one member says something of the others.
    """
    rng = np.random.default_rng(seed)
    progress("generating sessions", 0, 1)
    told = population(rng, n_subjects)
    rows = rehearse(told, progress)
    progress("fitting", 0, 1)
    dealt = deal(rows, rng)
    fitted = fit(rows.of(dealt == "fit"), rows.of(dealt == "calibrate"), seed)
    measured = rows.of(dealt == "measure")
    arrays = arrays_of(fitted, FEATURES, probes(measured))
    progress("measuring", 0, 1)
    manifest = Manifest(
        format=1,
        name=NAME,
        sha256="",
        features=FEATURES,
        typical=_typical(rows.of((dealt == "fit") & ~rows.fraud).values, fitted.ordinary),
        probe=ProbeScores(risk=(), anomaly=()),
        about=_about(rows, seed=seed, n_subjects=n_subjects, n_events=len(told)),
        metrics={},
    )
    metrics = metrics_of(build(manifest, arrays, FEATURES), measured)
    return write_model(out_dir, replace(manifest, metrics=metrics), arrays)


def deal(rows: Rows, rng: np.random.Generator) -> NDArray[np.str_]:
    """Say of each row what it is for, so that each kind of fraud is found in each share."""
    groups = np.array([subject.partition("-")[0] for subject in rows.subjects])
    kinds: dict[str, str] = {}
    for group, story in zip(groups.tolist(), rows.stories.tolist(), strict=True):
        if story != HONEST or group not in kinds:
            kinds[group] = story
    names = sorted(kinds)
    order = sorted(rng.permutation(len(names)).tolist(), key=lambda i: (kinds[names[i]] == HONEST, kinds[names[i]]))
    share = {names[i]: SHARES[place % len(SHARES)] for place, i in enumerate(order)}
    return np.array([share[group] for group in groups])


def probes(rows: Rows) -> Reals:
    """Return rows by which a reader sees whether it scores as the writer did: of both kinds, and one that is empty."""
    half = N_PROBES // 2
    honest, frauds = rows.values[~rows.fraud][:half], rows.values[rows.fraud][:half]
    return np.concatenate([honest, frauds, np.full((1, rows.values.shape[1]), np.nan)])


def _typical(values: Reals, ordinary: Reals) -> dict[str, Typical]:
    present = np.isfinite(values).mean(axis=0)
    return {
        name: Typical(median=round(float(median), 6), present=round(float(share), 4))
        for name, median, share in zip(FEATURES, ordinary, present, strict=True)
    }


def _about(rows: Rows, *, seed: int, n_subjects: int, n_events: int) -> dict[str, str | int | float | bool]:
    return {
        "generated": True,
        "warning": "trained and measured on generated sessions: the figures say nothing about real customers",
        "seed": seed,
        "n_honest_customers": n_subjects,
        "n_events": n_events,
        "n_rows": len(rows.subjects),
        "fraud_share_of_rows": round(float(rows.fraud.mean()), 4),
        "scikit_learn": version("scikit-learn"),
        "numpy": version("numpy"),
    }
