"""Synthetic predictions of several labels at once, to see what CAN does to each of them.

A label of rate r holds with probability r; its evidence is Gaussian, so that sigmoid(logit(r) + mu z) is the exact
posterior. A bias is then added to every logit: the classifier finds the label too often or too rarely.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit

from engine.arrays import flags, number, same_shape, whole_number

SIGNAL = 1.5  # distance of the evidence of both cases, in its own standard deviations


def simulate_cells(
    rows: int, labels: int, *, rate: float, bias: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (rows, labels) and what is true of each cell (rows, labels).

    Args:
        rows: examples.
        labels: of each example, independent of one another.
        rate: share of cells that hold, strictly between 0 and 1.
        bias: added to every logit; positive finds a label too often.
        rng: source of randomness.
    """
    rows, labels = whole_number(rows, name="rows"), whole_number(labels, name="labels")
    if not 0 < number(rate, name="rate") < 1:
        raise ValueError(f"rate must lie strictly between 0 and 1, got {rate:g}")
    bias = number(bias, name="bias")
    truth = rng.random((rows, labels)) < rate
    evidence = rng.normal(size=(rows, labels)) + SIGNAL * (truth - 0.5)
    return expit(logit(rate) + SIGNAL * evidence + bias), truth


def micro_f1(truth: ArrayLike, positive: ArrayLike) -> float:
    """F1 over all cells at once: 2 tp / (found + true), 0 where nothing is found or true."""
    true, found = flags(truth, name="truth"), flags(positive, name="positive")
    same_shape(truth=true, positive=found)
    return 2 * int((true & found).sum()) / max(1, int(true.sum()) + int(found.sum()))
