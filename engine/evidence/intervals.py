"""Confidence intervals of the numbers that experiments report.

A score on n examples is an estimate, and each kind of estimate has its own interval: Student's t for a mean over seeds,
and Wilson's score interval for a proportion such as an accuracy (Wilson, 1927; it neither leaves [0, 1] nor collapses
at 0 or 1). For any other statistic `scipy.stats.bootstrap` serves.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtrit

from engine.arrays import SQUARABLE, broadcast, check_finite, number, numbers, whole_number


class Interval(NamedTuple):
    """An estimate with its confidence bounds; the order is the one in which measurements are stored."""

    value: float
    low: float
    high: float
    n: int


def check_confidence(confidence: float) -> None:
    """Raise ValueError unless confidence lies strictly between 0 and 1."""
    if not 0 < number(confidence, name="confidence") < 1:
        raise ValueError(f"confidence must lie strictly between 0 and 1, got {confidence}")


def check_sample(values: ArrayLike, *, name: str = "values") -> np.ndarray:
    """Return values as a float64 array of shape (n, ...); an empty one, NaN and what cannot be squared are refused."""
    sample = numbers(values, name=name, dtype=np.float64, finite=False)
    if sample.ndim == 0 or sample.size == 0:
        raise ValueError(f"{name} must hold at least one value, got shape {sample.shape}")
    check_finite(sample, name=name)
    if np.abs(sample).max() > SQUARABLE:
        raise ValueError(f"{name} must lie in -{SQUARABLE:g}..{SQUARABLE:g}, got {sample.min():g}..{sample.max():g}")
    return sample


def mean_interval(values: ArrayLike, *, confidence: float = 0.95) -> Interval:
    """Mean with Student's t interval, `mean ± t_(n-1) s / sqrt(n)`.

    Args:
        values: (n,) floats, for instance one score per seed.
        confidence: probability that the interval covers the true mean of normal data.

    Returns:
        The interval. Of a single value the bounds are NaN: one seed says nothing about the spread.

    Raises:
        ValueError: if values is empty, not 1-D or not finite.

    Example:
        >>> mean_interval([0.60, 0.62, 0.64]).high
        0.6696827542...
    """
    check_confidence(confidence)
    sample = check_sample(values)
    if sample.ndim != 1:
        raise ValueError(f"values must have shape (n,), got {sample.shape}")
    n, mean = len(sample), float(sample.mean())
    half = float(mean_half_width(sample, confidence=confidence))
    return Interval(mean, mean - half, mean + half, n)


def mean_half_width(samples: ArrayLike, *, confidence: float = 0.95) -> np.ndarray:
    """Half-widths of Student's t intervals of many means at once.

    Args:
        samples: (n, ...), n draws of each number; the half-width of one that is not finite throughout is NaN.
        confidence: probability that an interval covers the true mean of normal data.

    Returns:
        (...) half-widths; NaN of a single draw, which says nothing about the spread.

    Raises:
        ValueError: if there is no draw.
    """
    check_confidence(confidence)
    sample = numbers(samples, name="samples", dtype=np.float64, finite=False)
    if sample.ndim == 0 or len(sample) == 0:
        raise ValueError(f"samples must hold at least one draw, got shape {sample.shape}")
    n = len(sample)
    if n == 1:
        return np.full(sample.shape[1:], np.nan)
    finite = np.where(np.isfinite(sample).all(axis=0), sample, np.nan)
    return np.asarray(stdtrit(n - 1, (1 + confidence) / 2) * finite.std(axis=0, ddof=1) / np.sqrt(n))


def proportion_bounds(successes: ArrayLike, n: ArrayLike, *, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's score bounds of many proportions at once.

    Args:
        successes: array of counts, broadcast against n.
        n: array of trials; where it is 0 both bounds are NaN.
        confidence: probability that the interval covers the true proportion.

    Returns:
        (low, high), each with the broadcast shape.
    """
    check_confidence(confidence)
    hits, trials = broadcast(
        successes=numbers(successes, name="successes", dtype=np.float64), n=numbers(n, name="n", dtype=np.float64)
    )
    if not ((hits >= 0) & (hits <= trials)).all():
        at = np.argwhere(~((hits >= 0) & (hits <= trials)))[0]
        raise ValueError(f"successes must lie in 0..n, got {hits[tuple(at)]:g} of n={trials[tuple(at)]:g}")
    z = ndtri((1 + confidence) / 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = hits / trials
        centre = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
        half = z / (1 + z**2 / trials) * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    low, high = np.where(hits == 0, 0.0, centre - half), np.where(hits == trials, 1.0, centre + half)
    unknown = trials == 0
    return np.where(unknown, np.nan, low), np.where(unknown, np.nan, high)


def proportion_interval(successes: float, n: int, *, confidence: float = 0.95) -> Interval:
    """Proportion, such as an accuracy, with Wilson's score interval.

    Args:
        successes: number of successes, 0..n.
        n: number of trials, at least 1.
        confidence: probability that the interval covers the true proportion.

    Raises:
        ValueError: if n is below 1 or successes is outside 0..n.

    Example:
        >>> proportion_interval(0, 10).high  # zero successes in ten: up to 28 % remain plausible
        0.277532...
    """
    successes = number(successes, name="successes")
    n = whole_number(n, name="n", low=1)
    low, high = proportion_bounds(successes, n, confidence=confidence)
    return Interval(float(successes) / n, float(low), float(high), int(n))
