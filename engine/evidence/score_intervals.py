"""The interval of any score of a task over examples: of a share, of a mean, of a ratio of counts, of an AUC.

| score | interval |
|---|---|
| accuracy, exact match and other shares | Wilson's score interval |
| F1 of spans, a mean over examples | the score interval of a bounded mean |
| macro F1, F1 of entities, balanced accuracy (of counts) | Student's t of pseudo-values, Wilson's if all equal |
| AUC | the score interval of Newcombe (2006, Statistics in Medicine 25, 559-573, method 5) |

Average precision and thresholds have none here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri

from engine.arrays import number, whole_number
from engine.evidence.intervals import Interval, check_confidence, mean_interval, proportion_interval
from engine.evidence.joint import pseudo_values
from engine.evidence.mean_difference import mean_difference_interval
from engine.evidence.metrics import cmrc_f1
from engine.evidence.paired import class_counts, macro_f1_of_counts
from engine.text.tasks import Example, TaskSpec

SHARES = frozenset({"accuracy", "em", "index_accuracy", "accuracy_independent", "accuracy_at_threshold"})


def score_interval(
    spec: TaskSpec, examples: Sequence[Example], predictions: Sequence[Any], name: str, value: float
) -> Interval | None:
    """Interval of a score of a task's answers at 95 %; None where the score has none here.

    Args:
        spec: the task.
        examples: labelled examples.
        predictions: one answer per example.
        name: of the score, as `metrics.score` calls it.
        value: the score.
    """
    n, classes = len(examples), spec.kind in ("classification", "pair")
    if name in SHARES:
        return proportion_interval(min(1.0, max(0.0, value)) * n, n)
    if name == "f1" and spec.kind == "span":
        return _of_spans(examples, predictions)
    if n < 2:
        return None
    if name == "f1" and spec.kind == "entities":
        return _inside(pseudo_values(_entity_counts(examples, predictions), _micro_f1)[0], value)
    if not classes:
        return None
    labels = np.array([example.label for example in examples])
    if name == "macro_f1":
        counts = class_counts(labels, predictions, n_classes=spec.n_classes)
        return _inside(pseudo_values(counts, macro_f1_of_counts)[0], value)
    if name == "balanced_accuracy":
        return _inside(pseudo_values(_hit_counts(labels, predictions, spec.n_classes), _mean_recall)[0], value)
    if name == "auc":
        return auc_interval(value, int((labels == 1).sum()), int((labels == 0).sum()))
    return None


def auc_interval(auc: float, n_positive: int, n_negative: int, *, confidence: float = 0.95) -> Interval:
    """Score interval of an area under the ROC curve, from the area and the numbers of rows alone.

    Args:
        auc: in [0, 1].
        n_positive: rows of the positive class, at least 1.
        n_negative: rows of the other class, at least 1.
        confidence: nominal coverage.

    Example:
        >>> found = auc_interval(1.0, 20, 20)  # perfect on forty rows: 0.90 remains plausible
        >>> round(found.low, 2), found.high
        (0.9, 1.0)
    """
    check_confidence(confidence)
    auc = number(auc, name="auc", low=0, high=1)
    m = whole_number(n_positive, name="n_positive", low=1)
    n = whole_number(n_negative, name="n_negative", low=1)
    z, more = float(ndtri((1 + confidence) / 2)), (m + n) / 2 - 1

    def excess(theta: float) -> float:
        variance = theta * (1 - theta) * (1 + more * ((1 - theta) / (2 - theta) + theta / (1 + theta))) / (m * n)
        return (auc - theta) ** 2 - z**2 * variance

    edge = 1e-9  # at an area of 0 or 1 the equation has another root there
    low = float(brentq(excess, 0.0, min(auc, 1 - edge))) if auc > 0 else 0.0
    high = float(brentq(excess, max(auc, edge), 1.0)) if auc < 1 else 1.0
    return Interval(auc, min(low, auc), max(high, auc), m + n)


def _of_spans(examples: Sequence[Example], predictions: Sequence[Any]) -> Interval:
    each = [
        max(cmrc_f1(answer, text) for answer, _ in example.label)
        for example, (text, _) in zip(examples, predictions, strict=True)
    ]
    found = mean_difference_interval(each)
    return Interval(found.value, max(0.0, found.low), min(1.0, found.high), found.n)


def _inside(values: np.ndarray, value: float) -> Interval:
    """Student's t interval of pseudo-values, inside [0, 1]; Wilson's where all examples say the same."""
    if np.ptp(values) < 1e-9:  # all right or all wrong: no spread is no certainty
        return proportion_interval(min(1.0, max(0.0, value)) * len(values), len(values))
    found = mean_interval(values)
    return Interval(value, max(0.0, found.low), min(1.0, found.high), found.n)


def _entity_counts(examples: Sequence[Example], predictions: Sequence[Any]) -> np.ndarray:
    """Entities hit, answered and true of each example, (n, 3)."""
    rows = [({tuple(cell) for cell in example.label}, {tuple(cell) for cell in found}) for example, found in
            zip(examples, predictions, strict=True)]  # fmt: skip
    return np.array([(len(gold & found), len(found), len(gold)) for gold, found in rows], dtype=np.float64)


def _micro_f1(sums: np.ndarray) -> np.ndarray:
    total = sums[..., 1] + sums[..., 2]
    return np.asarray(np.divide(2 * sums[..., 0], total, out=np.zeros_like(total), where=total > 0))


def _hit_counts(labels: np.ndarray, predictions: Sequence[Any], n_classes: int) -> np.ndarray:
    """Of each example, per class: right, and of this class, (n, 2 classes)."""
    of_class = np.eye(n_classes)[labels]
    return np.hstack([of_class * (labels == np.asarray(predictions))[:, None], of_class])


def _mean_recall(sums: np.ndarray) -> np.ndarray:
    hits, totals = np.split(sums, 2, axis=-1)
    recall = np.divide(hits, totals, out=np.zeros_like(hits), where=totals > 0)
    return np.asarray(recall.sum(axis=-1) / np.maximum((totals > 0).sum(axis=-1), 1))
