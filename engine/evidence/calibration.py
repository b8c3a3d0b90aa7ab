"""Calibration, and the neighbours of CAN that also change predictions after training.

- Expected calibration error: mean gap between confidence and accuracy over bins of confidence (Guo et al., 2017, arXiv
  1706.04599). Chance gaps of either sign add up, so a calibrated model scores 0.16 on 50 rows (on the bias: Kumar et
  al., 2019, arXiv 1909.10155; Roelofs et al., 2022, arXiv 2012.08668). Without that bias: one half of a bin's rows says
  whether the bin is too sure or not sure enough, the other half by how much, averaged over all halves. A calibrated
  model then scores 0 in expectation, and a clear gap counts in full.
- Temperature scaling: softmax(z / T) with the T of least log loss, which changes no decision (Guo et al., 2017).
- Label shift by Bayes' rule: p'(c | x) ~ p(c | x) q(c) / pi(c), pi the training and q the test prior; the test prior
  is estimated from unlabelled predictions by EM (Saerens et al., 2002).
- Sinkhorn scaling of the whole batch: alternate column and row scaling until the mean prediction is the prior
  (Sinkhorn, 1967).
- Logit adjustment: divide by pi(c)^tau, which favours rare classes (Menon et al., 2021, arXiv 2007.07314).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, ndtri, softmax

from engine.arrays import flags, number, numbers, same_shape, whole, whole_number
from engine.evidence.intervals import Interval, check_confidence
from engine.evidence.validation import check_prior, check_probs

FLOOR = 1e-300


@dataclass(frozen=True, slots=True)
class Reliability:
    """Confidence against accuracy in equal bins of confidence."""

    edges: np.ndarray  # (bins + 1,)
    count: np.ndarray  # (bins,)
    confidence: np.ndarray  # (bins,) mean confidence, NaN where empty
    accuracy: np.ndarray  # (bins,) share of right predictions, NaN where empty

    @property
    def error(self) -> float:
        """Plain calibration error, the mean |accuracy - confidence| over examples; too high on few rows."""
        filled = self.count > 0
        gaps = np.abs(self.accuracy[filled] - self.confidence[filled])
        return float((self.count[filled] * gaps).sum() / max(1, self.count.sum()))

    @property
    def error_without_bias(self) -> float:
        """Calibration error with its sign and its size from different rows; below 0 by chance where there is none."""
        filled = self.count > 1
        rows = zip(self.count[filled], self.confidence[filled], self.accuracy[filled], strict=True)
        return float(sum(int(n) * _gap_of_halves(int(n), sure, right) for n, sure, right in rows)) / max(
            1, int(self.count.sum())
        )


def reliability(confidence: ArrayLike, correct: ArrayLike, *, bins: int = 15) -> Reliability:
    """Bin predictions by confidence.

    Args:
        confidence: (n,) probability given to the predicted class, in [0, 1].
        correct: (n,) whether the prediction is right.
        bins: number of bins of equal width, each closed on the right.
    """
    sure = numbers(confidence, name="confidence", shape=("n",), dtype=np.float64)
    right = flags(correct, name="correct", shape=("n",)).astype(np.float64)
    same_shape(confidence=sure, correct=right)
    if len(sure) and not (sure.min() >= 0 and sure.max() <= 1 + 1e-6):
        raise ValueError(f"confidence must lie in [0, 1], got {sure.min():.4g}..{sure.max():.4g}")
    bins = whole_number(bins, name="bins", low=1)
    index = np.clip(np.ceil(sure * bins).astype(np.int64) - 1, 0, bins - 1)
    count = np.bincount(index, minlength=bins)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(index, weights=values, minlength=bins) / count for values in (sure, right)]
    return Reliability(np.linspace(0, 1, bins + 1), count, means[0], means[1])


def calibration_interval(confidence: ArrayLike, correct: ArrayLike, *, bins: int = 15, level: float = 0.95) -> Interval:
    """Calibration error without the bias of few rows, with an interval.

    The estimate is too low by at most the spread of a bin where gaps are as small as chance, the plain error too
    high; so the interval goes from the one minus its margin to the other plus it.

    Args:
        confidence: (n,) probability given to the predicted class, in [0, 1].
        correct: (n,) whether the prediction is right.
        bins: number of bins of equal width.
        level: nominal coverage.

    Returns:
        The error, at least 0 (below it is chance), with bounds in [0, 1]; NaN bounds where there is no row.
    """
    check_confidence(level)
    table = reliability(confidence, correct, bins=bins)
    n = int(table.count.sum())
    if n == 0:
        return Interval(0.0, float("nan"), float("nan"), 0)
    estimate = table.error_without_bias
    share = (np.nan_to_num(table.accuracy) * table.count + 0.5) / (table.count + 1)
    margin = float(ndtri((1 + level) / 2) * np.sqrt((table.count * share * (1 - share)).sum()) / n)
    low, high = max(0.0, estimate - margin), min(1.0, table.error + margin)
    return Interval(max(0.0, estimate), low, max(low, high), n)


def calibration_of(probs: ArrayLike, labels: ArrayLike, *, bins: int = 15) -> Interval:
    """`calibration_interval` of the predicted class, (n, m) probabilities and (n,) labels."""
    return calibration_interval(*_top(probs, labels), bins=bins)


def expected_calibration_error(probs: ArrayLike, labels: ArrayLike, *, bins: int = 15) -> float:
    """Expected calibration error of the predicted class without the bias of few rows, (n, m) and (n,) -> at most 1.

    Its mean over many sets is 0 for a calibrated model, so it is below 0 on some; 0 without rows.
    """
    return reliability(*_top(probs, labels), bins=bins).error_without_bias


def _top(probs: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    array, y = _labelled(probs, labels)
    return np.minimum(array.max(axis=1).astype(np.float64), 1), array.argmax(axis=1) == y


def _gap_of_halves(n: int, confidence: float, accuracy: float) -> float:
    """Mean over all halves of n rows of `sign(gap of one half) * gap of the other`, by the hypergeometric law."""
    right, half = round(n * accuracy), n // 2
    in_half = np.arange(max(0, half - (n - right)), min(half, right) + 1)
    logs = _log_choose(right, in_half) + _log_choose(n - right, half - in_half) - _log_choose(n, half)
    signs = np.sign(np.round(in_half / half - confidence, 6))
    return float((np.exp(logs) * signs * ((right - in_half) / (n - half) - confidence)).sum())


def _log_choose(n: int, k: ArrayLike) -> np.ndarray:
    return np.asarray(gammaln(n + 1) - gammaln(np.asarray(k) + 1) - gammaln(n - np.asarray(k) + 1))


def log_loss(probs: ArrayLike, labels: ArrayLike) -> float:
    """Mean negative log probability of the label, in nats; a probability of 0 counts as 1e-300."""
    array, y = _labelled(probs, labels)
    if not len(y):
        raise ValueError("labels are empty: there is no loss to average")
    return float(-np.log(np.maximum(array[np.arange(len(y)), y].astype(np.float64), FLOOR)).mean())


def apply_temperature(probs: ArrayLike, temperature: float) -> np.ndarray:
    """Probabilities at another temperature, `p^(1/T)` rescaled: (n, m) -> (n, m) float64; T > 1 softens."""
    temperature = number(temperature, name="temperature", above=0)
    logs = np.log(np.maximum(check_probs(probs).astype(np.float64), FLOOR))
    logs -= logs.max(axis=1, keepdims=True) if len(logs) else 0.0
    with np.errstate(over="ignore"):
        return np.asarray(softmax(logs / temperature, axis=1))


def fit_temperature(probs: ArrayLike, labels: ArrayLike) -> float:
    """Temperature of least log loss.

    The loss is convex in 1/T, so Newton's method, kept inside a bracket, finds it.

    Args:
        probs: (n, m) probabilities.
        labels: (n,) classes.

    Returns:
        T in [0.01, 100].
    """
    array, y = _labelled(probs, labels)
    if len(y) == 0:
        raise ValueError("labels are empty: there is nothing to fit a temperature to")
    logs = np.log(np.maximum(array.astype(np.float64), FLOOR))
    target, low, high, beta = float(logs[np.arange(len(y)), y].mean()), 0.01, 100.0, 1.0
    for _ in range(100):
        soft = softmax(beta * logs, axis=1)
        first = np.einsum("nm,nm->n", soft, logs)
        slope = float(first.mean()) - target
        curvature = float((np.einsum("nm,nm,nm->n", soft, logs, logs) - first**2).mean())
        low, high = (low, beta) if slope > 0 else (beta, high)
        step = beta - slope / curvature if curvature > 0 else np.inf
        moved = step if low < step < high else np.sqrt(low * high)
        if abs(moved - beta) <= 1e-12 * beta:
            break
        beta = float(moved)
    return 1 / beta


def logit_adjustment(probs: ArrayLike, train_prior: ArrayLike, *, tau: float = 1.0) -> np.ndarray:
    """Probabilities over `pi^tau`, rescaled: tau = 1 predicts as if all classes were equally frequent."""
    array, tau = check_probs(probs).astype(np.float64), number(tau, name="tau", low=-100, high=100)
    return _rescale(array / check_prior(train_prior, array.shape[1]) ** tau)


@dataclass(frozen=True, slots=True)
class LabelShift:
    """Result of the EM estimate of a shifted prior."""

    probs: np.ndarray  # (n, m) corrected probabilities
    prior: np.ndarray  # (m,) estimated class frequencies of these rows
    iterations: int


def saerens_em(
    probs: ArrayLike, train_prior: ArrayLike, *, tolerance: float = 1e-8, max_iterations: int = 1000
) -> LabelShift:
    """Estimate the class prior of unlabelled rows and correct them for it.

    Args:
        probs: (n, m) probabilities of a classifier trained under train_prior.
        train_prior: (m,) class frequencies of its training labels.
        tolerance: largest change of a frequency at which the iteration stops.
        max_iterations: at most so many EM steps.

    Returns:
        Corrected rows and the estimated prior, whose likelihood no step has lowered.
    """
    array = check_probs(probs).astype(np.float64)
    pi = check_prior(train_prior, array.shape[1])
    if len(array) == 0:
        raise ValueError("probs are empty: there is no prior to estimate")
    prior, ratio, steps, change = pi, array / pi, 0, np.inf
    while change >= tolerance and steps < max_iterations:
        posterior = ratio * prior
        posterior /= np.maximum(posterior.sum(axis=1, keepdims=True), FLOOR)
        previous, prior, steps = prior, posterior.mean(axis=0), steps + 1
        change = float(np.abs(prior - previous).max())
    return LabelShift(_rescale(ratio * prior), prior, steps)


def sinkhorn(probs: ArrayLike, prior: ArrayLike, *, tolerance: float = 1e-6, max_iterations: int = 1000) -> np.ndarray:
    """Scale columns and rows until the mean prediction is the prior, (n, m) -> (n, m) float64.

    A class that no row gives any mass keeps none. Stops when the largest gap to the prior is below tolerance.
    """
    array = check_probs(probs).astype(np.float64)
    q = check_prior(prior, array.shape[1])
    scaled = array.copy()
    for _ in range(max_iterations if len(array) else 0):
        means = scaled.mean(axis=0)
        if np.abs(means - q)[means > 0].max() < tolerance:
            break
        scaled = _rescale(scaled * np.divide(q, means, out=np.zeros_like(q), where=means > 0))
    return scaled


def _labelled(probs: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    array, y = check_probs(probs), whole(labels, name="labels")
    if y.shape != (len(array),):
        raise ValueError(f"labels must have shape ({len(array)},) like the rows of probs, got {y.shape}")
    if len(y) and (y.min() < 0 or y.max() >= array.shape[1]):
        raise ValueError(f"labels must lie in 0..{array.shape[1] - 1}, got {y.min()}..{y.max()}")
    return array, y


def _rescale(values: np.ndarray) -> np.ndarray:
    return np.asarray(values / np.maximum(values.sum(axis=1, keepdims=True), FLOOR))
