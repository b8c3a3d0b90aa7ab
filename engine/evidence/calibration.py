"""Calibration, and the neighbours of CAN that also change predictions after training.

- Expected calibration error: mean gap between confidence and accuracy over bins of confidence; temperature scaling:
  softmax(z / T) with the T of least log loss, which changes no decision (Guo et al., 2017, arXiv 1706.04599).
- Label shift by Bayes' rule: p'(c | x) ~ p(c | x) q(c) / pi(c), pi the training and q the test prior; the test prior
  is estimated from unlabelled predictions by EM (Saerens et al., 2002).
- Sinkhorn scaling of the whole batch: alternate column and row scaling until the mean prediction is the prior
  (Sinkhorn, 1967).
- Logit adjustment: divide by pi(c)^tau, which favours rare classes (Menon et al., 2021, arXiv 2007.07314).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax

from engine.arrays import flags, number, numbers, same_shape, whole, whole_number
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
        """Expected calibration error, the mean |accuracy - confidence| over examples."""
        filled = self.count > 0
        gaps = np.abs(self.accuracy[filled] - self.confidence[filled])
        return float((self.count[filled] * gaps).sum() / max(1, self.count.sum()))


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


def expected_calibration_error(probs: ArrayLike, labels: ArrayLike, *, bins: int = 15) -> float:
    """Expected calibration error of the predicted class, (n, m) and (n,) -> [0, 1]."""
    array, y = _labelled(probs, labels)
    top = array.max(axis=1).astype(np.float64)
    return reliability(np.minimum(top, 1), array.argmax(axis=1) == y, bins=bins).error


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


def shift_prior(probs: ArrayLike, train_prior: ArrayLike, target_prior: ArrayLike) -> np.ndarray:
    """Bayes' rule for another class prior: `p q / pi`, rescaled, (n, m) -> (n, m) float64."""
    array = check_probs(probs).astype(np.float64)
    pi, q = check_prior(train_prior, array.shape[1]), check_prior(target_prior, array.shape[1])
    return _rescale(array * (q / pi))


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
