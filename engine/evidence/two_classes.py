"""What accuracy does not say of a two-class model: how well it ranks, and what another threshold would bring.

The positive class is the second one. The threshold is chosen on one half of the rows and used on the other, for both
halves, so that the accuracy it brings was not tuned on the rows it is counted on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from engine.arrays import numbers, same_shape, whole


def two_class_scores(labels: ArrayLike, positive: ArrayLike) -> dict[str, float]:
    """Scores of probabilities of the positive class.

    Args:
        labels: (n,) 0 or 1.
        positive: (n,) probability of class 1.

    Returns:
        `balanced_accuracy` at 0.5; where both classes occur also `auc`, `average_precision`, `threshold` (best for
        accuracy on all rows) and `accuracy_at_threshold` (cross-fitted).
    """
    y = whole(labels, name="labels", shape=("n",), empty=False, low=0, high=1)
    p = numbers(positive, name="positive", shape=("n",), low=0, high=1)
    same_shape(labels=y, positive=p)
    scores = {"balanced_accuracy": _balanced_accuracy(y, p > 0.5)}
    if len(np.unique(y)) == 2:
        scores["auc"] = _auc(y, p)
        scores["average_precision"] = _average_precision(y, p)
        scores["threshold"] = _best_threshold(y, p)
        scores["accuracy_at_threshold"] = _cross_fitted_accuracy(y, p)
    return scores


def _balanced_accuracy(labels: np.ndarray, preds: np.ndarray) -> float:
    """Mean over the classes that occur of the share of their rows that are right."""
    right = preds == labels
    return float(np.mean([right[labels == name].mean() for name in np.unique(labels)]))


def _auc(labels: np.ndarray, positive: np.ndarray) -> float:
    """Probability that a row of class 1 ranks above one of class 0, ties counted half."""
    zeros, ones = np.sort(positive[labels == 0]), positive[labels == 1]
    above = np.searchsorted(zeros, ones, side="left") + np.searchsorted(zeros, ones, side="right")
    return float(above.sum() / (2 * len(zeros) * len(ones)))


def _average_precision(labels: np.ndarray, positive: np.ndarray) -> float:
    """Precision averaged over the recall that each threshold adds; rows of equal probability share a threshold."""
    order = np.argsort(-positive, kind="stable")
    hits = np.cumsum(labels[order])
    ends = np.append(np.flatnonzero(np.diff(positive[order])), len(labels) - 1)
    precision, recall = hits[ends] / (ends + 1), hits[ends] / hits[-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def _best_threshold(labels: np.ndarray, positive: np.ndarray) -> float:
    """The threshold t of "class 1 where p > t" with the highest accuracy; of equal ones the nearest to 0.5."""
    values = np.unique(positive)
    steps = np.concatenate([[0.0], (values[1:] + values[:-1]) / 2, [1.0], [0.5]])
    order = np.sort(positive[labels == 0]), np.sort(positive[labels == 1])
    right = np.searchsorted(order[0], steps, side="right") + len(order[1])
    right = right - np.searchsorted(order[1], steps, side="right")
    best = steps[right == right.max()]
    return float(best[np.abs(best - 0.5).argmin()])


def _cross_fitted_accuracy(labels: np.ndarray, positive: np.ndarray) -> float:
    """Accuracy of each half of the rows at the threshold that is best on the other half."""
    second = np.zeros(len(labels), dtype=bool)
    second[np.random.default_rng(0).permutation(len(labels))[: len(labels) // 2]] = True
    right = np.empty(len(labels), dtype=bool)
    for fitted, used in ((second, ~second), (~second, second)):
        threshold = _best_threshold(labels[fitted], positive[fitted]) if fitted.any() else 0.5
        right[used] = (positive[used] > threshold) == labels[used]
    return float(right.mean())
