"""Robust statistics: estimates that a few wild values cannot move far."""

from collections.abc import Sequence


def clamp(value: float, low: float, high: float) -> float:
    """Return the value, or the bound that it passes."""
    return low if value < low else high if value > high else value


def mean_deviation(values: Sequence[float], centre: float) -> float:
    """Return the mean absolute deviation of the values from a centre, in their unit; there must be a value.

    A loop, since for the few values of a visit a list of deviations costs twice as much.
    """
    total = 0.0
    for value in values:
        total += abs(value - centre)
    return total / len(values)


def midmean(values: Sequence[float]) -> float:
    """Return the mean of the middle half: it withstands a quarter of wild values at either end, and unlike a median it
    does not jump where values lie on few steps; there must be a value.

    References
    ----------
    Tukey, J. W. (1977), Exploratory Data Analysis, Addison-Wesley: the midmean.
    """
    n = len(values)
    if n < 4:
        return sum(values) / n
    cut = n // 4
    return sum(sorted(values)[cut : n - cut]) / (n - 2 * cut)


def clipped_step(estimate: float, seen: float, rate: float, limit: float) -> float:
    """Return the estimate, moved by `rate` towards what was seen, as though that lay at most `limit` away.

    References
    ----------
    Huber, P. J. (1964), Robust estimation of a location parameter, Annals of Mathematical Statistics 35(1): the clipped
    residual. Gelper, S., Fried, R., Croux, C. (2010), Robust forecasting with exponential and Holt-Winters smoothing,
    Journal of Forecasting 29(3): the same in a running estimate.
    """
    away = seen - estimate
    return estimate + rate * (-limit if away < -limit else limit if away > limit else away)
