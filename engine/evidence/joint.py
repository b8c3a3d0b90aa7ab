"""B against A with the seeds and the examples in one interval: would it show again?

Each of s seeds answers each of n examples, so a difference `D_ij` (seed i, example j) has two sources of chance at
once,

    D_ij = theta + S_i + E_j + R_ij,    Var(mean D) = var(S)/s + var(E)/n + var(R)/(s n),

a model of crossed random effects (Bouthillier et al., 2021, arXiv 2103.03098, on the sources of variance; Owen, 2007,
arXiv 0712.1111, on arrays whose rows and columns are both random). Two questions have two answers.

*These weights on other examples*: the seeds are fixed, and only the examples are drawn again: the score interval of
`engine.evidence.mean_difference`, with McNemar's mid-p test for right and wrong answers of one seed a side.

*Train again and take other examples*: with `V_n(theta)` the score test's variance and `V_s = var(d_i) / s` of the
seeds' means, theta is kept if

    (mean D - theta)^2 <= max(u^2 V_n, t^2 V_s + u^2 V_n share),    share = 1 - var(R)/(s n) / V_n.

`V_s` holds the part `var(R)/(s n)` already, so `share` takes it out of `V_n`. Each part has its own quantile of
Student's t, with s - 1 degrees of freedom (t) and n - 1 (u), which covers at least as often as claimed whatever the
sizes of the parts (Banerjee, 1960). The floor `u^2 V_n` is what n examples leave open even if the seeds happen to
agree. In simulation (docs/EVIDENCE.md) a two-way bootstrap covers 77 % with three seeds, and Satterthwaite's
approximation 92 %.

A metric that is no mean (F1 over all rows) enters by its jackknife pseudo-values, whose mean is the metric without its
bias and whose spread is that of the examples (Tukey, 1958; Efron & Stein, 1981). An example that is left out keeps a
weight of 1/(n + 1), so that a class does not vanish from macro F1 with its only example: on 50 examples of 15 classes
the interval covers 96 % at a half-width of 26 points, 98 % at 31 if it vanished.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from engine import arrays
from engine.evidence.intervals import Interval, check_confidence, check_sample
from engine.evidence.mean_difference import (
    ROUNDING,
    bisect,
    bounds_around,
    mean_difference_interval,
    mean_difference_p,
    score_variance,
    tally,
)
from engine.evidence.paired import mcnemar_p

LEAST_LOG_LEVEL = -36.0  # p-values below 2e-16 are shown as that
LEAST_SEEDS = 3
"""Seeds a side from which an interval says something of training again: with two, t is 12.7."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The parts of the variance of a mean difference; the numbers may be arrays, a value for each of many samples."""

    between_seeds: tuple[np.ndarray, ...]
    """variance of the mean from the seeds, the residual included: of the differences, or of A and of B"""
    freedom: tuple[int, ...]
    """degrees of freedom of each"""
    share: np.ndarray
    """share of the examples' variance that `between_seeds` does not hold already"""


@dataclass(frozen=True, slots=True)
class Components:
    """Variances of one seed's effect, one example's effect and the rest, of the difference of a pair of runs."""

    seed: float
    example: float
    residual: float


@dataclass(frozen=True, slots=True)
class Joint:
    """B minus A on one metric."""

    weights: Interval
    """these trained models on other examples of the kind"""
    weights_p: float
    again: Interval | None
    """trained again and on other examples; None with one seed a side"""
    again_p: float
    components: Components | None
    mean_square: float
    """mean over examples of the squared difference of the means over seeds"""
    seeds: tuple[int, int]
    paired: bool
    right_or_wrong: bool
    """every score of an example is 0 or 1"""

    @property
    def speaks_of_training(self) -> bool:
        """Whether there are seeds enough for `again` to mean something."""
        return self.again is not None and min(self.seeds) >= LEAST_SEEDS

    @property
    def decisive(self) -> Interval:
        """The interval that the conclusion rests on."""
        return self.again if self.again is not None and self.speaks_of_training else self.weights

    @property
    def p_value(self) -> float:
        """The p-value that belongs to `decisive`."""
        return self.again_p if self.speaks_of_training else self.weights_p

    @property
    def test(self) -> str:
        """What gave that p-value."""
        if self.speaks_of_training:
            return "seeds and examples together"
        return "mid-p McNemar test" if self.right_or_wrong and self.seeds == (1, 1) else "score test on examples"


def compare_means(
    scores_a: ArrayLike, scores_b: ArrayLike, *, paired: bool, confidence: float = 0.95, bound: float = 1.0
) -> Joint:
    """Compare two configurations on a metric that is a mean over examples.

    Args:
        scores_a: (n, s) score of each example under each seed of A, right or wrong or any number in [0, bound].
        scores_b: (n, m) the same for B, the same examples in the same order.
        paired: whether column i of both is the same seed (m = s).
        confidence: nominal coverage of both intervals.
        bound: largest score of one example.

    Raises:
        ValueError: if the examples differ in number, or a score is not finite or outside [0, bound].
    """
    check_confidence(confidence)
    a, b = _scores(scores_a, "scores_a"), _scores(scores_b, "scores_b")
    if len(a) != len(b):
        raise ValueError(f"both must score the same examples, got {len(a)} and {len(b)} rows")
    if min(a.min(), b.min()) < 0 or max(a.max(), b.max()) > bound:
        raise ValueError(f"scores must lie in [0, {bound:g}], got {min(a.min(), b.min()):g}..{max(a.max(), b.max()):g}")
    return _joint(a, b, a.mean(axis=0), b.mean(axis=0), paired=paired, confidence=confidence, bound=bound)


def compare_counts(
    counts_a: Sequence[ArrayLike],
    counts_b: Sequence[ArrayLike],
    metric: Callable[[np.ndarray], np.ndarray],
    *,
    paired: bool,
    confidence: float = 0.95,
) -> Joint:
    """Compare two configurations on a metric of summed counts, such as micro or macro F1 from tp, fp and fn.

    Args:
        counts_a: a (n, k) array a seed of A, what each example adds to the k counts.
        counts_b: the same for B.
        metric: maps sums (r, k) to values (r,), the same for twice all sums.
        paired: whether position i of both is the same seed.
        confidence: nominal coverage of both intervals.
    """
    check_confidence(confidence)
    found = [arrays.read(counts, name="counts").shape for counts in (*counts_a, *counts_b)]
    if not (counts_a and counts_b) or len(set(found)) != 1:
        raise ValueError("both sides need counts of the same examples, one array (n, k) a run")
    sides = [[pseudo_values(counts, metric) for counts in side] for side in (counts_a, counts_b)]
    (a, of_a), (b, of_b) = (
        (np.column_stack([values for values, _ in side]), np.array([value for _, value in side])) for side in sides
    )
    return _joint(a, b, of_a, of_b, paired=paired, confidence=confidence, bound=None)


def pseudo_values(counts: ArrayLike, metric: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, float]:
    """Jackknife pseudo-values of a metric of summed counts, (n, k) -> (n,), and its value m.

    `m + n (m - m_j)`, where m_j is the metric with the weight of example j at 1/(n + 1) of the others'. The metric is
    one of shares: twice all sums give the same.
    """
    added = arrays.numbers(counts, name="counts", shape=("examples", "counts"), empty=False)
    n, total = len(added), added.sum(axis=0, dtype=np.float64)
    if n < 2:
        raise ValueError(f"pseudo-values need at least 2 examples, got {n}")
    value = float(metric(total[None])[0])
    kinds, kind_of = np.unique(added, axis=0, return_inverse=True)
    without = np.asarray(metric(total + (total / n - kinds)))
    return (value + n * (value - without))[kind_of.reshape(-1)], value


def _scores(values: ArrayLike, name: str) -> np.ndarray:
    array = check_sample(values, name=name)
    if array.ndim != 2 or not array.shape[1]:
        raise ValueError(f"{name} must have shape (n, seeds), got {array.shape}")
    return array


def _joint(
    a: np.ndarray,
    b: np.ndarray,
    of_a: np.ndarray,
    of_b: np.ndarray,
    *,
    paired: bool,
    confidence: float,
    bound: float | None,
) -> Joint:
    """The two answers from per-example values (n, s) and (n, m), and the metric of each seed (s,) and (m,)."""
    if paired and a.shape != b.shape:
        raise ValueError(f"paired seeds need one run of each a side, got {a.shape[1]} and {b.shape[1]}")
    seeds, value = (a.shape[1], b.shape[1]), float(of_b.mean() - of_a.mean())
    value = value if abs(value) > 10.0**-ROUNDING else 0.0
    examples = b.mean(axis=1) - a.mean(axis=1)
    examples += value - examples.mean()  # pseudo-values have the metric as their mean but for the jackknife's bias
    most = 1.0 if bound is None else bound
    bound = max(1.0, float(np.abs(examples).max())) if bound is None else bound
    weights = _possible(mean_difference_interval(examples, bound=bound, confidence=confidence), most)
    weights_p = mean_difference_p(examples, bound=bound)
    right_or_wrong = bool(np.isin(a, (0, 1)).all() and np.isin(b, (0, 1)).all())
    if right_or_wrong and seeds == (1, 1):
        weights_p = mcnemar_p(int((a > b).sum()), int((b > a).sum()))
    mean_square = float((examples**2).mean())
    if min(seeds) < 2 or len(a) < 2:
        return Joint(weights, weights_p, None, float("nan"), None, mean_square, seeds, paired, right_or_wrong)
    spread, components = _spread(examples, [(b - a, of_b - of_a)] if paired else [(a, of_a), (b, of_b)])
    values, counts, n = tally(examples, bound=bound)

    def outside(theta: np.ndarray) -> np.ndarray:
        sampling = score_variance(values, counts, theta, bound=bound)
        excess: np.ndarray = (value - theta) ** 2 - tolerance(sampling, spread, n=n, level=1 - confidence)
        return excess

    low, high = bounds_around(value, outside, bound)
    at_zero = score_variance(values, counts, 0.0, bound=bound)
    log_level = bisect(
        lambda logs: value**2 - tolerance(at_zero, spread, n=n, level=np.exp(logs)), outside=0.0, inside=LEAST_LOG_LEVEL
    )
    again_p = float(np.exp(log_level)) if value else 1.0
    return Joint(
        weights,
        weights_p,
        _possible(Interval(value, low, high, n), most),
        again_p,
        components,
        mean_square,
        seeds,
        paired,
        right_or_wrong,
    )


def _possible(found: Interval, most: float) -> Interval:
    """The interval inside [-most, most]: pseudo-values leave it, a difference of two scores in [0, most] cannot."""
    return Interval(found.value, max(found.low, -most), min(found.high, most), found.n)


def residual_variance(squares: ArrayLike, seed_means: ArrayLike, example_squares: ArrayLike, *, n: int) -> np.ndarray:
    """Mean square of what neither the seed nor the example explains, from sums; arrays for many samples at once.

    Args:
        squares: (...) sum of `D_ij^2` over seeds and examples.
        seed_means: (..., s) mean of each seed.
        example_squares: (...) sum over examples of the square of their mean over seeds.
        n: number of examples.
    """
    total = arrays.numbers(squares, name="squares", dtype=np.float64)
    means = arrays.numbers(
        seed_means, name="seed_means", dtype=np.float64, low=-arrays.SQUARABLE, high=arrays.SQUARABLE
    )
    by_example = arrays.numbers(example_squares, name="example_squares", dtype=np.float64)
    s = means.shape[-1] if means.ndim else 0
    if s < 2 or n < 2:
        raise ValueError(f"a residual needs at least 2 seeds and 2 examples, got {s} and {n}")
    total, by_example, grand = arrays.broadcast(
        squares=total, example_squares=by_example, means_of_seed_means=means.mean(axis=-1)
    )
    rest = total - n * (means**2).sum(axis=-1) - s * by_example + s * n * grand**2
    return np.asarray(np.maximum(0.0, rest) / ((s - 1) * (n - 1)))


def tolerance(sampling: ArrayLike, spread: Spread, *, n: int, level: ArrayLike) -> np.ndarray:
    """Largest squared distance between the mean difference and a theta that is kept.

    Args:
        sampling: (...) variance of the mean over n examples if theta is true, as `score_variance` gives it.
        spread: the parts of the variance, each (...).
        n: number of examples.
        level: 1 - confidence.
    """
    upper = 1 - arrays.numbers(level, name="level", dtype=np.float64, low=0, high=1) / 2
    variance_among = arrays.numbers(sampling, name="sampling", dtype=np.float64, low=0)
    upper, variance_among = arrays.broadcast(level=upper, sampling=variance_among)
    among = stdtrit(max(1, n - 1), upper) ** 2 * variance_among
    between = [
        stdtrit(freedom, upper) ** 2 * variance
        for variance, freedom in zip(spread.between_seeds, spread.freedom, strict=True)
    ]
    return np.asarray(np.maximum(among, np.sum(between, axis=0) + spread.share * among))


def share_beside_seeds(residual_part: ArrayLike, sampling: ArrayLike) -> np.ndarray:
    """Share of the examples' sampling variance that is no residual; 1 where the examples do not vary."""
    whole, part = arrays.broadcast(
        sampling=arrays.numbers(sampling, name="sampling", dtype=np.float64, low=0),
        residual_part=arrays.numbers(residual_part, name="residual_part", dtype=np.float64, low=0),
    )
    return np.where(whole > 0, np.clip(1 - part / np.where(whole > 0, whole, 1.0), 0.0, 1.0), 1.0)


def _spread(examples: np.ndarray, sides: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[Spread, Components]:
    """Parts of the variance from example means (n,) and, a side, values (n, s) with the metric of each seed (s,)."""
    n, seed, residual, residual_part = len(examples), 0.0, 0.0, 0.0
    between, freedom = [], []
    for values, of_seeds in sides:
        s = values.shape[1]
        square = float(residual_variance((values**2).sum(), values.mean(axis=0), (values.mean(axis=1) ** 2).sum(), n=n))
        spread = float(of_seeds.var(ddof=1))
        between.append(np.asarray(spread / s))
        freedom.append(s - 1)
        seed, residual = seed + max(0.0, spread - square / n), residual + square
        residual_part += square / (s * n)
    variance = float(examples.var(ddof=1))
    share = share_beside_seeds(residual_part, variance / n)
    components = Components(seed, max(0.0, variance - residual_part * n), residual)
    return Spread(tuple(between), tuple(freedom), share), components
