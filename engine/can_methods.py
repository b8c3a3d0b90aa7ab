"""CAN beside its neighbours: what each makes of the same predictions.

Temperature scaling needs labels, so it is fitted on one half and applied to the other, for both halves. The others need
only the class prior. All but CAN change every row.
"""

from dataclasses import dataclass

import numpy as np

from engine.calibration import (
    apply_temperature,
    expected_calibration_error,
    fit_temperature,
    log_loss,
    logit_adjustment,
    saerens_em,
    sinkhorn,
)
from engine.can import alternating_normalization, uncertain_rows, usable_k
from engine.can_evaluation import Gain, evaluate

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
    calibration_error: float
    log_loss: float


def compare_methods(
    probs: np.ndarray,
    labels: np.ndarray,
    prior: np.ndarray,
    *,
    rng: np.random.Generator,
    k: int = 3,
    threshold: float = 0.9,
    alpha: float = 1.0,
    iterations: int = 1,
    resamples: int = 2000,
) -> list[MethodScore]:
    """Score every method of `METHODS` on the same rows.

    Args:
        probs: (n, m) class probabilities.
        labels: (n,) classes.
        prior: (m,) class frequencies of the training labels.
        rng: source of the halves and of the bootstrap.
        k: largest probabilities that decide the uncertainty.
        threshold: uncertainty from which CAN corrects.
        alpha: exponent of CAN.
        iterations: alternations of CAN.
        resamples: bootstrap samples.
    """
    k = usable_k(k, probs.shape[1])
    settings = {"k": k, "threshold": threshold, "alpha": alpha, "iterations": iterations}
    corrected = {
        "none": probs,
        "can": alternating_normalization(probs, prior, **settings),  # type: ignore[arg-type]
        "can_batch": alternating_normalization(probs, prior, **settings, batch=True),  # type: ignore[arg-type]
        "temperature": cross_fitted_temperature(probs, labels, rng=rng),
        "saerens_em": saerens_em(probs, prior).probs,
        "sinkhorn": sinkhorn(probs, prior),
        "logit_adjustment": logit_adjustment(probs, prior),
    }
    unsure, before = uncertain_rows(probs, k=k, threshold=threshold), probs.argmax(axis=1)
    return [
        MethodScore(
            method,
            after,
            evaluate(
                labels,
                before,
                after.argmax(axis=1),
                n_classes=probs.shape[1],
                rng=rng,
                touched=unsure if method.startswith("can") else None,
                resamples=resamples,
            ),
            expected_calibration_error(after, labels),
            log_loss(after, labels),
        )
        for method, after in corrected.items()
    ]


def cross_fitted_temperature(probs: np.ndarray, labels: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    """Each half of the rows at the temperature fitted on the other half, (n, m) -> (n, m) float64; n >= 2."""
    if len(labels) < 2:
        raise ValueError(f"two halves need at least 2 rows, got {len(labels)}")
    half = np.zeros(len(labels), dtype=bool)
    half[rng.permutation(len(labels))[: len(labels) // 2]] = True
    result = np.empty(probs.shape)
    for fitted, used in ((half, ~half), (~half, half)):
        result[used] = apply_temperature(probs[used], fit_temperature(probs[fitted], labels[fitted]))
    return result
