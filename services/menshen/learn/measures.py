"""How well the scores tell frauds from honest sessions; every figure here is about generated sessions."""

import numpy as np
from numpy.typing import NDArray

from menshen.fraud.maths.trees import Reals
from menshen.fraud.model import Model, Scores
from menshen.learn.rehearsal import Rows

N_BINS = 10
TOLERATED_FALSE_ALARMS = 0.01

Metrics = dict[str, float | int | list[list[float]]]


def metrics_of(model: Model, rows: Rows) -> Metrics:
    """Return how a model does on sessions that it has not seen.

    `reliability` lists, by tenths of the risk, how many rows there are, the mean risk, and the share that was fraud:
    of a calibrated score the last two agree. `histogram` counts honest and fraud rows by tenths of the risk.
    """
    scores, fraud = model.score_all(rows.values), rows.fraud
    risk = scores.risk / 1000
    metrics: Metrics = {
        "held_out_rows": len(fraud),
        "held_out_fraud_rows": int(fraud.sum()),
        "held_out_subjects": len(set(rows.subjects.tolist())),
        "risk_auc": round(auc(scores.risk, fraud), 4),
        "anomaly_auc": round(auc(scores.anomaly, fraud), 4),
        "brier": round(float(((risk - fraud) ** 2).mean()), 5),
        "brier_of_the_mean": round(float(fraud.mean() * (1 - fraud.mean())), 5),
        "reliability": reliability(risk, fraud),
        "histogram": _histogram(risk, fraud),
    }
    return metrics | _recalls(scores, rows)


def auc(scores: NDArray[np.int64], fraud: NDArray[np.bool_]) -> float:
    """Return the probability that a fraud scores higher than an honest row, a tie counting half.

    References
    ----------
    Hanley, J. A., McNeil, B. J. (1982), The meaning and use of the area under a ROC curve, Radiology 143(1).
    """
    honest = np.sort(scores[~fraud])
    below = np.searchsorted(honest, scores[fraud], side="left")
    level = np.searchsorted(honest, scores[fraud], side="right") - below
    return float((below + level / 2).mean() / len(honest))


def threshold_pm(scores: NDArray[np.int64], fraud: NDArray[np.bool_]) -> int:
    """Return the lowest score from which on at most `TOLERATED_FALSE_ALARMS` of the honest rows are raised."""
    honest = scores[~fraud]
    shares = np.array([(honest >= level).mean() for level in range(1002)])
    return int(np.argmax(shares <= TOLERATED_FALSE_ALARMS))


def _recalls(scores: Scores, rows: Rows) -> Metrics:
    level = threshold_pm(scores.risk, rows.fraud)
    raised = scores.risk >= level
    recalls: Metrics = {"risk_at_1pct_false_alarms": level, "recall_at_1pct": _share(raised, rows.fraud)}
    for story in sorted(set(rows.stories[rows.fraud].tolist())):
        recalls[f"recall_at_1pct.{story}"] = _share(raised, rows.stories == story)
    return recalls


def _share(raised: NDArray[np.bool_], among: NDArray[np.bool_]) -> float:
    return round(float(raised[among].mean()), 4)


def reliability(risk: Reals, fraud: NDArray[np.bool_]) -> list[list[float]]:
    """Return [rows, mean risk, share of frauds] for each tenth of the risk in which there are rows."""
    tenth = np.minimum((risk * N_BINS).astype(int), N_BINS - 1)
    chosen = [tenth == i for i in range(N_BINS)]
    return [
        [int(one.sum()), round(float(risk[one].mean()), 4), round(float(fraud[one].mean()), 4)]
        for one in chosen
        if one.any()
    ]


def _histogram(risk: Reals, fraud: NDArray[np.bool_]) -> list[list[float]]:
    tenth = np.minimum((risk * N_BINS).astype(int), N_BINS - 1)
    honest, frauds = (np.bincount(tenth[among], minlength=N_BINS) for among in (~fraud, fraud))
    return [[int(h), int(f)] for h, f in zip(honest, frauds, strict=True)]
