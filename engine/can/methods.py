"""CAN beside its neighbours: what each makes of the same predictions.

Temperature scaling needs labels, so it is fitted on one half and applied to the other, for both halves. The others need
only the class prior. All but CAN change every row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.arrays import whole
from engine.can.correct import alternating_normalization
from engine.can.evaluation import Gain, evaluate
from engine.evidence.calibration import (
    apply_temperature,
    calibration_of,
    fit_temperature,
    log_loss,
    logit_adjustment,
    saerens_em,
    sinkhorn,
)
from engine.evidence.intervals import Interval
from engine.evidence.paired import holm
from engine.evidence.validation import check_probs

METHODS = {
    "none": "predictions as they are",
    "can": "CAN, one row at a time",
    "can_batch": "CAN, all uncertain rows together",
    "temperature": "temperature scaling, fitted on the other half",
    "saerens_em": "prior estimated by EM, then Bayes' rule",
    "sinkhorn": "whole batch scaled to the prior",
    "logit_adjustment": "divided by the training prior",
}


@dataclass(frozen=True, slots=True)
class MethodScore:
    """One method on one set of predictions."""

    method: str
    probs: np.ndarray  # (n, m)
    gain: Gain
    calibration_error: Interval  # without the bias of few rows
    log_loss: float


def can_probs(
    probs: np.ndarray,
    prior: np.ndarray,
    *,
    k: int = 3,
    threshold: float = 0.9,
    alpha: float = 1.0,
    iterations: int = 1,
) -> dict[str, np.ndarray]:
    """CAN row by row and as a batch, method -> (n, m); arguments as in `alternating_normalization`."""
    return {
        name: alternating_normalization(
            probs, prior, k=k, threshold=threshold, alpha=alpha, iterations=iterations, batch=batch
        )
        for name, batch in (("can", False), ("can_batch", True))
    }


def neighbour_probs(
    probs: np.ndarray, labels: np.ndarray, prior: np.ndarray, *, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """The methods beside CAN, which have no setting, method -> (n, m).

    Args:
        probs: (n, m) class probabilities.
        labels: (n,) classes; only the temperature uses them.
        prior: (m,) class frequencies of the training labels.
        rng: source of the halves of the temperature.
    """
    return {
        "temperature": cross_fitted_temperature(probs, labels, rng=rng),
        "saerens_em": saerens_em(probs, prior, tolerance=1e-6, max_iterations=300).probs,
        "sinkhorn": sinkhorn(probs, prior, tolerance=1e-5, max_iterations=300),
        "logit_adjustment": logit_adjustment(probs, prior),
    }


def score_methods(
    probs: np.ndarray,
    labels: np.ndarray,
    corrected: Mapping[str, np.ndarray],
    *,
    touched: np.ndarray | None = None,
) -> list[MethodScore]:
    """Score methods on the same rows, "none" first.

    Args:
        probs: (n, m) class probabilities as they are.
        labels: (n,) classes.
        corrected: method -> (n, m).
        touched: (n,) booleans, rows that CAN may change; the other methods change every row.
    """
    probs = check_probs(probs)
    labels = whole(labels, name="labels", shape=(len(probs),), low=0, high=probs.shape[1] - 1, empty=False)
    before = probs.argmax(axis=1)
    scores = []
    for method, after in {"none": probs, **corrected}.items():
        gain = evaluate(
            labels,
            before,
            after.argmax(axis=1),
            n_classes=probs.shape[1],
            touched=touched if method.startswith("can") else None,
        )
        scores.append(MethodScore(method, after, gain, calibration_of(after, labels), log_loss(after, labels)))
    return scores


def corrected_p(p_values: Sequence[float]) -> list[float]:
    """Holm's correction over the methods of `score_methods`; the first, which changes nothing, is no comparison."""
    return [1.0, *holm(p_values[1:]).tolist()] if len(p_values) > 1 else [1.0]


def cross_fitted_temperature(probs: np.ndarray, labels: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    """Each half of the rows at the temperature fitted on the other half, (n, m) -> (n, m) float64; n >= 2."""
    probs = check_probs(probs)
    labels = whole(labels, name="labels", shape=(len(probs),), low=0, high=probs.shape[1] - 1)
    if len(labels) < 2:
        raise ValueError(f"two halves need at least 2 rows, got {len(labels)}")
    half = np.zeros(len(labels), dtype=bool)
    half[rng.permutation(len(labels))[: len(labels) // 2]] = True
    result = np.empty(probs.shape)
    for fitted, used in ((half, ~half), (~half, half)):
        result[used] = apply_temperature(probs[used], fit_temperature(probs[fitted], labels[fitted]))
    return result
