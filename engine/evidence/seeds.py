"""Two configurations compared by the scores of their seeds alone, without the answers behind them.

Scores of different seeds are a small sample of a noisy procedure. Where both configurations ran with the same seeds the
differences are paired; otherwise Welch's test compares the two means. Two seeds a side say nothing of their spread, and
seeds that agree are no certainty: scores on n examples lie on a lattice of 1/n, and a difference d between answers to
the same examples has a sampling variance of at least `(|d| - d^2) / n`, which is the floor; without n, equal seeds
get the exact p-value of the sign-flip or permutation test and no interval. Where the answers are stored,
`engine.evidence.joint` says more.

The probability of improvement is `P(B > A) + P(B = A) / 2` for one random run of each (Agarwal et al., 2021, arXiv
2108.13264), estimated by the Mann-Whitney statistic with Newcombe's score-like interval (Newcombe, 2006, method 5),
which, unlike a bootstrap of three seeds, does not collapse to a point when every B beats every A. The normal quantile
is replaced by Student's: with three seeds a side the normal one covers only 90 % of the time when it claims 95 %.
"""

from dataclasses import dataclass
from itertools import product
from math import comb

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from engine.arrays import whole_number
from engine.evidence.intervals import Interval, check_confidence, check_sample
from engine.evidence.joint import LEAST_SEEDS
from engine.evidence.mean_difference import bisect

EXACT_SEEDS = 14  # up to 2^14 sign patterns are enumerated
ROUNDING = 1e-12  # of the largest score: differences below it come from adding floats


@dataclass(frozen=True, slots=True)
class SeedComparison:
    """B against A over seeds."""

    difference: Interval
    p_value: float
    sign_flip_p: float | None  # exact, of paired runs only
    improvement: Interval
    paired: bool


def compare_seeds(
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    *,
    paired: bool,
    n_examples: int | None = None,
    rng: np.random.Generator | None = None,
    confidence: float = 0.95,
) -> SeedComparison:
    """Compare the scores of two configurations over seeds.

    Args:
        scores_a: (n,) one score per seed of A.
        scores_b: (m,) one score per seed of B; m = n and the same order of seeds where paired.
        paired: whether position i of both is the same seed.
        n_examples: number of examples that each score is a mean over, where known; the scores are fractions then.
        rng: needed only for more than 14 paired seeds, where sign patterns are drawn and not enumerated.
        confidence: nominal coverage of both intervals.

    Returns:
        Difference of the means with a t interval (paired, or Welch), its two-sided p, the exact sign-flip p of paired
        scores, and the probability of improvement. With fewer than three seeds a side the bounds and p are NaN; where
        the seeds do not differ and n_examples is unknown, the bounds are NaN and p is that of the exact test.

    Raises:
        ValueError: if paired scores differ in number, or a score is not finite.
    """
    check_confidence(confidence)
    a, b = check_sample(scores_a, name="scores_a"), check_sample(scores_b, name="scores_b")
    if paired and a.shape != b.shape:
        raise ValueError(f"paired scores need the same seeds, got {len(a)} and {len(b)} scores")
    flips = sign_flip_test(b - a, rng=rng) if paired else None
    if paired:
        estimate, error, freedom = float((b - a).mean()), _standard_error(b - a), float(len(a) - 1)
    else:
        errors = np.array([_standard_error(a), _standard_error(b)])
        estimate, error = float(b.mean() - a.mean()), float(np.hypot(*errors))
        freedom = _welch_freedom(errors, np.array([len(a), len(b)]))
    scale = max(float(np.abs(a).max()), float(np.abs(b).max()))
    estimate = estimate if abs(estimate) > ROUNDING * scale else 0.0
    if min(len(a), len(b)) < LEAST_SEEDS:
        low = high = p_value = float("nan")
    elif error <= ROUNDING * scale and n_examples is None:
        low = high = float("nan")
        p_value = 1.0 if estimate == 0 else flips if flips is not None else 2 / comb(len(a) + len(b), len(a))
    else:
        low, high, p_value = _t_result(estimate, max(error, _floor(estimate, n_examples)), freedom, confidence)
    return SeedComparison(
        difference=Interval(estimate, low, high, min(len(a), len(b))),
        p_value=p_value,
        sign_flip_p=flips,
        improvement=probability_of_improvement(a, b, confidence=confidence),
        paired=paired,
    )


def sign_flip_test(differences: ArrayLike, *, rng: np.random.Generator | None = None, resamples: int = 10_000) -> float:
    """Two-sided p of the sign-flip test that paired differences are symmetric about 0, (n,) -> p.

    Exact up to 14 differences: the share of the 2^n sign patterns whose mean is at least as far from 0. Its smallest
    value is 2^(1-n), so three seeds can never show more than p = 0.25.
    """
    resamples = whole_number(resamples, name="resamples", low=1)
    values = check_sample(differences, name="differences")
    n = len(values)
    if n <= EXACT_SEEDS:
        signs = np.array(list(product((1.0, -1.0), repeat=n)))
        extra = 0
    elif rng is None:
        raise ValueError(f"{n} differences are too many to enumerate: pass rng")
    else:
        signs, extra = rng.choice((-1.0, 1.0), size=(resamples, n)), 1
    sums, observed = np.abs(signs @ values), abs(values.sum())
    hits = int((sums >= observed - ROUNDING * float(np.abs(values).sum())).sum())
    return (hits + extra) / (len(signs) + extra)


def probability_of_improvement(scores_a: ArrayLike, scores_b: ArrayLike, *, confidence: float = 0.95) -> Interval:
    """P(a run of B scores above a run of A), ties counted half, with Newcombe's interval.

    Args:
        scores_a: (n,) scores of A.
        scores_b: (m,) scores of B.
        confidence: nominal coverage.
    """
    check_confidence(confidence)
    a, b = check_sample(scores_a, name="scores_a"), check_sample(scores_b, name="scores_b")
    theta = float(((b[:, None] > a).mean() + (b[:, None] >= a).mean()) / 2)
    pairs, size, freedom = len(a) * len(b), (len(a) + len(b)) / 2, len(a) + len(b) - 2
    if freedom == 0:
        return Interval(theta, 0.0, 1.0, 1)
    z = float(stdtrit(freedom, (1 + confidence) / 2))

    def excess(candidate: np.ndarray) -> np.ndarray:
        spread = (1 - candidate) / (2 - candidate) + candidate / (1 + candidate)
        variance = candidate * (1 - candidate) * (1 + (size - 1) * spread) / pairs
        return np.asarray(np.abs(theta - candidate) - z * np.sqrt(variance))

    low = float(bisect(excess, outside=0.0, inside=theta)) if theta > 0 else 0.0
    high = float(bisect(excess, outside=1.0, inside=theta)) if theta < 1 else 1.0
    return Interval(theta, low, high, min(len(a), len(b)))


def _standard_error(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


def _welch_freedom(errors: np.ndarray, sizes: np.ndarray) -> float:
    """Welch-Satterthwaite degrees of freedom."""
    if np.isnan(errors).any() or not errors.any():
        return float(sizes.sum() - 2)
    return float((errors**2).sum() ** 2 / (errors**4 / (sizes - 1)).sum())


def _floor(estimate: float, n_examples: int | None) -> float:
    """Least standard error of a difference between answers to the same n examples; one row where there is none."""
    if n_examples is None:
        return 0.0
    if n_examples < 1:
        raise ValueError(f"n_examples must be at least 1, got {n_examples}")
    d = min(1.0, abs(estimate))
    return max(float(np.sqrt((d - d**2) / n_examples)), 1 / n_examples)


def _t_result(estimate: float, error: float, freedom: float, confidence: float) -> tuple[float, float, float]:
    """(low, high, p) of a t statistic."""
    half = float(stdtrit(freedom, (1 + confidence) / 2)) * error
    return estimate - half, estimate + half, min(1.0, 2 * float(stdtr(freedom, -abs(estimate) / error)))
