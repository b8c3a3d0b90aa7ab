"""Mean of paired differences on n examples, with an interval that few differing examples do not break.

Most examples are answered alike, so the differences `e_j` are mostly 0, and resampling them (or `s / sqrt(n)`) covers
far less than it claims where few differ: with none at all it says "exactly 0". The score interval keeps every theta
that

    (mean e - theta)^2 <= t^2 V(theta) / (n - 1)

allows, where `V(theta)` is the variance of the distribution that is likeliest for these differences *if their mean is
theta*; that distribution may put weight on values that have not been seen. For right and wrong answers (e in -1, 0, 1)
with the normal quantile and n this is the interval of Tango (1998); for other bounded scores the distribution is the
one of empirical likelihood (Owen, 1988), with end points added: the largest difference seen, or the scale's own where
fewer than 20 examples differ. Student's quantile and n - 1 keep it from covering less than 95 % on 50 to 200
examples.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from engine.arrays import number, numbers
from engine.evidence.intervals import Interval, check_confidence, check_sample

NEWTON_STEPS = 30
FEW = 20  # differing examples below which the ends of the scale may hide unseen
STEPS = np.arange(1, 16) / 16
ROUNDS = 9  # a range of 2 is halved 36 times: 3e-11
ROUNDING = 12  # decimals that tell two differences apart


def mean_difference_interval(differences: ArrayLike, *, bound: float = 1.0, confidence: float = 0.95) -> Interval:
    """Score interval of the mean of paired differences.

    Args:
        differences: (n,) score of B minus score of A on each example.
        bound: largest possible |difference|; 1 where scores lie in [0, 1].
        confidence: nominal coverage.

    Raises:
        ValueError: if there is no difference, one is not finite, or one exceeds the bound.

    Example:
        >>> interval = mean_difference_interval([0.0] * 50)  # no example differs: 7 points remain possible
        >>> round(interval.high, 3)
        0.076
    """
    return mean_difference_intervals([differences], bound=bound, confidence=confidence)[0]


def mean_difference_intervals(
    samples: Sequence[ArrayLike], *, bound: float = 1.0, confidence: float = 0.95
) -> list[Interval]:
    """`mean_difference_interval` of each of several samples; all at once take little longer than one.

    Args:
        samples: (n,) differences each; n may vary.
        bound: largest possible |difference|.
        confidence: nominal coverage.
    """
    check_confidence(confidence)
    tallies = [tally(sample, bound=bound) for sample in samples]
    if not tallies:
        return []
    values = np.unique(np.concatenate([own for own, _, _ in tallies]))
    counts = np.zeros((len(tallies), 1, 1, len(values)))  # (samples, lower and upper end, points between, values)
    for row, (own, often, _) in zip(counts, tallies, strict=True):
        row[..., np.searchsorted(values, own)] = often
    n = np.array([number for _, _, number in tallies])
    means, quantiles = (counts @ values)[:, :, 0] / n[:, None], stdtrit(np.maximum(1, n - 1), (1 + confidence) / 2)

    def excess(theta: np.ndarray) -> np.ndarray:
        variance = score_variance(values, counts, theta, bound=bound)
        return np.asarray((means[..., None] - theta) ** 2 - quantiles[:, None, None] ** 2 * variance)

    edge = bound * (1 - 1e-12)
    ends = bisect(excess, outside=np.tile([-edge, edge], (len(n), 1)), inside=np.tile(means, 2))
    return [
        Interval(float(mean), min(float(low), float(mean)), max(float(high), float(mean)), int(size))
        for (mean,), (low, high), size in zip(means, ends, n, strict=True)
    ]


def mean_difference_p(differences: ArrayLike, *, bound: float = 1.0) -> float:
    """Two-sided p-value of the score test that the mean difference is 0; it belongs to `mean_difference_interval`."""
    values, counts, n = tally(differences, bound=bound)
    mean = float(counts @ values) / n
    if mean == 0:
        return 1.0
    return 2 * float(stdtr(max(1, n - 1), -abs(mean) / np.sqrt(score_variance(values, counts, 0.0, bound=bound))))


def tally(differences: ArrayLike, *, bound: float) -> tuple[np.ndarray, np.ndarray, int]:
    """Distinct differences (k,), how often each occurs (k,), and n; refused where one exceeds the bound."""
    sample = check_sample(differences, name="differences")
    if sample.ndim != 1:
        raise ValueError(f"differences must have shape (n,), got {sample.shape}")
    worst = float(np.abs(sample).max())
    if not number(bound, name="bound") > 0 or worst > bound * (1 + 1e-9):
        raise ValueError(f"differences must lie in [-{bound:g}, {bound:g}], got {worst:g}")
    values, counts = np.unique(np.clip(np.round(sample, ROUNDING), -bound, bound), return_counts=True)
    return values, counts.astype(np.float64), len(sample)


def score_variance(values: ArrayLike, counts: ArrayLike, theta: ArrayLike, *, bound: float) -> np.ndarray:
    """Variance of the mean of the differences if its expectation is theta.

    Args:
        values: (k,) possible differences.
        counts: (..., k) how often each occurs, for many samples at once.
        theta: (...) expectations, inside (-bound, bound); of any shape where there is one sample.
        bound: largest possible |difference|.

    Returns:
        (...) variances, `V(theta) / (n - 1)`.
    """
    values = numbers(values, name="values", shape=("values",), dtype=np.float64, empty=False)
    counts = numbers(counts, name="counts", dtype=np.float64, low=0)
    middle = numbers(theta, name="theta", dtype=np.float64)
    furthest = float(np.abs(middle).max(initial=0.0))
    if furthest >= bound or float(np.abs(values).max()) > bound * (1 + 1e-9):
        raise ValueError(f"values must lie in [-{bound:g}, {bound:g}] and theta inside, got |theta| up to {furthest:g}")
    n = counts.sum(axis=-1)
    if counts.ndim == 0 or counts.shape[-1] != len(values) or not (n > 0).all():
        raise ValueError(f"counts must hold a number for each of {len(values)} values, not all 0, got {counts.shape}")
    share, used = counts / n[..., None], counts > 0
    away = values - middle[..., None]
    shape = np.broadcast_shapes(n.shape, middle.shape)

    def weights(tilt: np.ndarray) -> np.ndarray:
        return np.asarray(share * np.where(used, 1 / np.maximum(1 + tilt[..., None] * away, 1e-13), 0.0))

    largest = np.where(used, np.abs(values), 0.0).max(axis=-1)
    few = np.where(used & (values != 0), counts, 0.0).sum(axis=-1) < FEW
    end = np.where(few | (np.abs(middle) >= 0.999 * largest), bound, largest)
    low, high = (np.broadcast_to(limit, shape) for limit in (-1 / (end - middle), 1 / (middle + end)))
    at_low = (weights(low) * away).sum(axis=-1) <= 0  # an unseen end point has weight: no root in between
    at_high = (weights(high) * away).sum(axis=-1) >= 0
    tilt = np.where(at_low, low, np.where(at_high, high, 0.0))
    low, high = np.where(at_high, high, low), np.where(at_low, low, high)
    for _ in range(NEWTON_STEPS):  # sum share away / (1 + tilt away) = 0; Newton's method, kept inside a bracket
        part = weights(tilt) * away
        total = part.sum(axis=-1)
        slope = (part * away / np.where(used, np.maximum(1 + tilt[..., None] * away, 1e-13), 1.0)).sum(axis=-1)
        low, high = np.where(total > 0, tilt, low), np.where(total > 0, high, tilt)
        step = tilt + total / np.maximum(slope, 1e-300)
        moved = np.where((step >= low) & (step <= high), step, (low + high) / 2)  # a root that is found stays
        previous, tilt = tilt, np.where(at_low | at_high, tilt, moved)
        if (np.abs(tilt - previous) <= 1e-10 * (1 + np.abs(tilt))).all():
            break
    weight = weights(tilt)
    unseen = np.maximum(0.0, 1 - weight.sum(axis=-1))  # at the end point on the far side
    far = np.where(tilt < 0, end - middle, middle + end)
    variance = (weight * away**2).sum(axis=-1) + unseen * far**2
    return np.asarray(variance / np.maximum(1, n - 1))


def bounds_around(estimate: float, excess: Callable[[np.ndarray], np.ndarray], bound: float) -> tuple[float, float]:
    """Where excess turns positive below and above an estimate, at most the bound away from 0."""
    edge = bound * (1 - 1e-12)
    low, high = bisect(excess, outside=[-edge, edge], inside=[estimate, estimate])
    return min(float(low), estimate), max(float(high), estimate)


def bisect(excess: Callable[[np.ndarray], np.ndarray], *, outside: ArrayLike, inside: ArrayLike) -> np.ndarray:
    """Points between ones outside an interval (excess > 0) and ones inside; `outside` where none is outside.

    Args:
        excess: maps points of any shape to numbers of that shape; positive from some point on towards `outside`.
        outside: (k,) far ends.
        inside: (k,) near ends.
    """
    far, near = (np.asarray(ends, dtype=np.float64)[..., None] for ends in (outside, inside))
    for _ in range(ROUNDS):
        points = far + (near - far) * STEPS
        kept = (excess(points) > 0).sum(axis=-1, keepdims=True)
        points = np.concatenate([far, points, near], axis=-1)
        far, near = (np.take_along_axis(points, kept + move, axis=-1) for move in (0, 1))
    return np.asarray(far[..., 0])
