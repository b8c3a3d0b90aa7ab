"""Synthetic classifiers whose faults are known, to see when CAN helps.

A row of class y has features x = mu e_y + noise, so that log pi_c + mu x_c are the exact log posterior odds under the
class prior pi. A classifier with these logits is the best there is, and no correction can help it on average. Faults
are then added one at a time: a temperature (over- or underconfidence), a random offset per class (its class mix is
off), and a test prior that is not the training prior. mu is found such that the accuracy is the one asked for.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from engine.arrays import number, numbers, whole, whole_number
from engine.can.correct import alternating_normalization, uncertain_rows
from engine.evidence.calibration import expected_calibration_error, saerens_em, sinkhorn


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One synthetic problem."""

    n_classes: int = 30
    accuracy: float = 0.6  # of the classifier on the test rows
    temperature: float = 1.0  # logits are divided by it: below 1 the classifier is overconfident
    class_bias: float = 0.5  # standard deviation of a fixed offset of every class's logit
    prior_shift: float = 0.0  # 0: test prior = training prior; 1: the same frequencies in reverse order
    n_confident: int = 3000  # rows from which the confident reference is taken
    imbalance: float = 0.5  # class c has a frequency proportional to (c + 1)^-imbalance
    n_test: int = 4000


@dataclass(frozen=True, slots=True)
class Synthetic:
    """Predictions of a synthetic classifier."""

    probs: np.ndarray  # (n_test, m)
    labels: np.ndarray  # (n_test,)
    reference: np.ndarray  # (n_confident, m) predictions on further unlabelled rows
    train_prior: np.ndarray  # (m,)
    test_prior: np.ndarray  # (m,)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Accuracy differences on one synthetic problem, and what might explain them."""

    accuracy: float  # before
    calibration_error: float  # before
    uncertain: float  # share of rows that CAN corrects
    gap: float  # accuracy of the confident rows minus that of the uncertain ones, NaN where one is empty
    can: float
    can_test_prior: float  # CAN given the true prior of the test rows
    sinkhorn: float
    saerens_em: float


def simulate(setting: Setting, *, rng: np.random.Generator) -> Synthetic:
    """Draw a synthetic problem.

    Args:
        setting: its parameters.
        rng: source of randomness.

    Raises:
        ValueError: if a parameter is outside its domain.
    """
    _check(setting)
    m = setting.n_classes
    train = np.arange(1, m + 1) ** -setting.imbalance
    train /= train.sum()
    test = (1 - setting.prior_shift) * train + setting.prior_shift * train[::-1]
    labels = rng.choice(m, size=setting.n_test + setting.n_confident, p=test)
    noise = rng.normal(size=(len(labels), m))
    offset = np.log(train) + rng.normal(0, setting.class_bias, m)
    signal = find_signal(labels[: setting.n_test], noise[: setting.n_test], offset, setting.accuracy)
    logits = _logits(labels, noise, offset, signal) / setting.temperature
    probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    n = setting.n_test
    return Synthetic(probs[:n], labels[:n], probs[n:], train, test)


def outcome(problem: Synthetic, *, k: int = 3, threshold: float = 0.9) -> Outcome:
    """Accuracy gained by CAN and its neighbours; k is lowered where there are too few classes."""
    k, threshold = whole_number(k, name="k", low=1), number(threshold, name="threshold")
    k = min(k, max(2, problem.probs.shape[1] - 1))
    unsure = uncertain_rows(problem.probs, k=k, threshold=threshold)
    sure = problem.reference[~uncertain_rows(problem.reference, k=k, threshold=threshold)]
    right = problem.probs.argmax(axis=1) == problem.labels

    def gain(probs: np.ndarray) -> float:
        return float((probs.argmax(axis=1) == problem.labels).mean() - right.mean())

    def corrected(prior: np.ndarray) -> np.ndarray:
        return alternating_normalization(problem.probs, prior, k=k, threshold=threshold, reference=sure)

    return Outcome(
        accuracy=float(right.mean()),
        calibration_error=expected_calibration_error(problem.probs, problem.labels),
        uncertain=float(unsure.mean()),
        gap=float(right[~unsure].mean() - right[unsure].mean()) if 0 < unsure.sum() < len(unsure) else float("nan"),
        can=gain(corrected(problem.train_prior)),
        can_test_prior=gain(corrected(problem.test_prior)),
        sinkhorn=gain(sinkhorn(problem.probs, problem.train_prior, tolerance=1e-4, max_iterations=100)),
        saerens_em=gain(saerens_em(problem.probs, problem.train_prior, tolerance=1e-5, max_iterations=200).probs),
    )


def find_signal(labels: ArrayLike, noise: ArrayLike, offset: ArrayLike, accuracy: float) -> float:
    """Bisect for the signal at which the classifier has the accuracy, with the noise held fixed.

    Args:
        labels: (n,) class numbers.
        noise: (n, m) of the features.
        offset: (m,) added to the logits.
        accuracy: asked for; the nearest that a signal of 0 to 20 reaches.
    """
    noise = numbers(noise, name="noise", shape=("n", "m"), dtype=np.float64, empty=False, low=-1e9, high=1e9)
    labels = whole(labels, name="labels", shape=(len(noise),), low=0, high=noise.shape[1] - 1)
    offset = numbers(offset, name="offset", shape=(noise.shape[1],), dtype=np.float64, low=-1e9, high=1e9)
    accuracy = number(accuracy, name="accuracy", low=0, high=1)
    low, high = 0.0, 20.0
    for _ in range(25):
        middle = (low + high) / 2
        reached = (_logits(labels, noise, offset, middle).argmax(axis=1) == labels).mean()
        low, high = (middle, high) if reached < accuracy else (low, middle)
    return (low + high) / 2


def _logits(labels: np.ndarray, noise: np.ndarray, offset: np.ndarray, signal: float) -> np.ndarray:
    logits = signal * noise + offset
    logits[np.arange(len(labels)), labels] += signal**2
    return np.asarray(logits)


def _check(setting: Setting) -> None:
    bounds = {
        "n_classes": (2, 10_000),
        "accuracy": (0.0, 0.999),
        "temperature": (1e-3, 1e3),
        "class_bias": (0.0, 20.0),
        "prior_shift": (0.0, 1.0),
        "n_confident": (0, 10_000_000),
        "imbalance": (0.0, 10.0),
        "n_test": (10, 10_000_000),
    }
    for name, (low, high) in bounds.items():
        value = getattr(setting, name)
        if not low <= value <= high:
            raise ValueError(f"{name} must lie in {low:g}..{high:g}, got {value:g}")
