"""Precision, recall and F1 of every class, each with an interval.

Precision and recall are proportions and get Wilson's interval. F1 = 2 tp / (2 tp + fp + fn) is none; its interval is a
percentile bootstrap over examples, drawn as multinomial counts of the cells of the confusion matrix, which is the same
distribution as resampling examples and needs no pass over them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from engine.arrays import whole, whole_number
from engine.evidence.intervals import check_confidence, proportion_bounds


@dataclass(frozen=True, slots=True)
class ClassReport:
    """Scores of c classes; every array has shape (c,), bounds (c, 2); NaN where a class is absent."""

    support: np.ndarray
    predicted: np.ndarray
    precision: np.ndarray
    precision_bounds: np.ndarray
    recall: np.ndarray
    recall_bounds: np.ndarray
    f1: np.ndarray
    f1_bounds: np.ndarray


def class_report(
    labels: ArrayLike,
    preds: ArrayLike,
    *,
    n_classes: int,
    rng: np.random.Generator,
    resamples: int = 1000,
    confidence: float = 0.95,
) -> ClassReport:
    """Score every class.

    Args:
        labels: (n,) classes 0..n_classes-1.
        preds: (n,) predicted classes.
        n_classes: c.
        rng: source of randomness of the bootstrap.
        resamples: bootstrap samples for F1.
        confidence: nominal coverage of the bounds.

    Raises:
        ValueError: if shapes differ, nothing is given, or a class is out of range.
    """
    check_confidence(confidence)
    truth, guess = whole(labels, name="labels"), whole(preds, name="preds")
    n_classes, resamples = (
        whole_number(n_classes, name="n_classes", low=1),
        whole_number(resamples, name="resamples", low=2),
    )
    if truth.ndim != 1 or truth.shape != guess.shape or not len(truth):
        raise ValueError(f"labels and preds must have one shape (n,) with n > 0, got {truth.shape} and {guess.shape}")
    if min(truth.min(), guess.min()) < 0 or max(truth.max(), guess.max()) >= n_classes:
        raise ValueError(f"classes must lie in 0..{n_classes - 1}")
    cells, counts = np.unique(truth * n_classes + guess, return_counts=True)
    rows, columns = np.divmod(cells, n_classes)
    support, predicted = np.bincount(truth, minlength=n_classes), np.bincount(guess, minlength=n_classes)
    right = np.bincount(rows[rows == columns], weights=counts[rows == columns], minlength=n_classes).astype(np.int64)
    draws = rng.multinomial(len(truth), counts / len(truth), size=resamples)  # (resamples, cells)
    row_sums, column_sums = _sums(draws, rows, n_classes), _sums(draws, columns, n_classes)
    hits = _sums(draws * (rows == columns), rows, n_classes)
    levels = [(1 - confidence) / 2, (1 + confidence) / 2]
    f1_draws = _ratio(2 * hits, row_sums + column_sums)
    absent = support + predicted == 0
    bounds = np.full((n_classes, 2), np.nan)
    bounds[~absent] = np.nanquantile(np.nan_to_num(f1_draws[:, ~absent]), levels, axis=0).T
    return ClassReport(
        support=support,
        predicted=predicted,
        precision=_ratio(right, predicted),
        precision_bounds=np.stack(proportion_bounds(right, predicted, confidence=confidence), axis=1),
        recall=_ratio(right, support),
        recall_bounds=np.stack(proportion_bounds(right, support, confidence=confidence), axis=1),
        f1=_ratio(2 * right, support + predicted),
        f1_bounds=bounds,
    )


def _sums(draws: np.ndarray, classes: np.ndarray, n_classes: int) -> np.ndarray:
    """Sum the cells of each class, (r, cells) -> (r, c)."""
    order = np.argsort(classes, kind="stable")
    present, first = np.unique(classes[order], return_index=True)
    sums = np.zeros((len(draws), n_classes), dtype=np.int64)
    sums[:, present] = np.add.reduceat(draws[:, order], first, axis=1)
    return sums


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    out = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=out, where=denominator > 0)
    return out
