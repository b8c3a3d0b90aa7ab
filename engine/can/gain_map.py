"""Where CAN helps: its gain over class bias and prior shift, and where on that map the predictions of a run lie.

The synthetic classifiers are those of `engine.can.simulation`. A row's true posterior is known, so a changed decision
is worth the difference of two posterior probabilities: no label has to be drawn for the score, which takes most of the
noise out. Every problem has its own class offsets, so the spread over problems says how much these matter.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax

from engine.arrays import number, numbers, whole, whole_number
from engine.can.alternation import correct_rows
from engine.can.correct import top_k_entropy, usable_k
from engine.can.simulation import Setting, find_signal
from engine.evidence.validation import check_prior, check_probs

BASE = Setting()
TUNED = 200
"""Rows on which the signal is found that gives the accuracy, bias and all."""


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with a classifier, in the terms of the map."""

    class_bias: float  # standard deviation of the offsets of its log probabilities
    prior_shift: float  # 0: labels are distributed as in training; 1: in reverse order of frequency


def gain_map(
    biases: ArrayLike,
    shifts: ArrayLike,
    *,
    n_classes: int,
    n_confident: int,
    rng: np.random.Generator,
    problems: int = 6,
    rows: int = 150,
    threshold: float = 0.9,
) -> np.ndarray:
    """Gain in accuracy of CAN with the training prior.

    Args:
        biases: (b,) class biases.
        shifts: (s,) prior shifts.
        n_classes: m, at least 2.
        n_confident: rows from which the confident reference is taken.
        rng: source of randomness.
        problems: independent draws of offsets and rows.
        rows: corrected and scored in each problem.
        threshold: top-k entropy from which on a row is corrected (k = 3, two classes 2).

    Returns:
        (problems, s, b) differences of accuracy.
    """
    biases = numbers(biases, name="biases", shape=("b",), dtype=np.float64, low=0, high=20)
    shifts = numbers(shifts, name="shifts", shape=("s",), dtype=np.float64, low=0, high=1)
    n_classes = whole_number(n_classes, name="n_classes", low=2, high=10_000)
    n_confident = whole_number(n_confident, name="n_confident", high=10_000_000)
    problems = whole_number(problems, name="problems", low=1)
    rows, threshold = whole_number(rows, name="rows", low=1), number(threshold, name="threshold")
    train = np.arange(1, n_classes + 1) ** -BASE.imbalance
    train /= train.sum()
    return np.array([_problem(biases, shifts, train, n_confident, rng, rows, threshold) for _ in range(problems)])


def _problem(
    biases: np.ndarray,
    shifts: np.ndarray,
    train: np.ndarray,
    n_confident: int,
    rng: np.random.Generator,
    rows: int,
    threshold: float,
) -> np.ndarray:
    """Gains of one problem, (s, b): the same noise and offsets under every shift and bias."""
    m, n = len(train), rows + n_confident
    k = usable_k(min(3, max(2, m - 1)), m)
    noise, places, offsets = rng.normal(size=(n, m)), rng.random(n), rng.normal(size=m)
    labels, tuned = _labels(train, places), slice(0, TUNED)
    shapes = np.log(train) + biases[:, None] * offsets  # (b, m)
    signals = np.array([find_signal(labels[tuned], noise[tuned], shape, BASE.accuracy) for shape in shapes])
    gains = np.empty((len(shifts), len(biases)))
    for row, shift in enumerate(shifts):
        test = (1 - shift) * train + shift * train[::-1]
        evidence = signals[:, None, None] * noise  # (b, n, m)
        evidence[:, np.arange(n), _labels(test, places)] += signals[:, None] ** 2
        truth = softmax(np.log(test) + evidence[:, :rows], axis=2)
        probs = softmax(evidence + shapes[:, None], axis=2)
        unsure = top_k_entropy(probs.reshape(-1, m), k=k).reshape(len(biases), n) >= threshold
        gains[row] = [_gain(p, u, t, train) for p, u, t in zip(probs, unsure, truth, strict=True)]
    return gains


def _labels(prior: np.ndarray, places: np.ndarray) -> np.ndarray:
    return np.minimum(np.searchsorted(np.cumsum(prior), places), len(prior) - 1)


def _gain(probs: np.ndarray, unsure: np.ndarray, truth: np.ndarray, prior: np.ndarray) -> float:
    """Gain in accuracy over the first rows, of which `truth` is the posterior; the others are the reference."""
    rows = len(truth)
    sure = probs[rows:][~unsure[rows:]]
    at = np.flatnonzero(unsure[:rows])
    if not len(at):
        return 0.0
    fixed = correct_rows(probs[at], sure if len(sure) else np.eye(len(prior)), prior)
    worth = truth[at, fixed.argmax(axis=1)] - truth[at, probs[at].argmax(axis=1)]
    return float(worth.sum() / rows)


def faults(probs: ArrayLike, labels: ArrayLike, prior: ArrayLike, *, iterations: int = 30) -> Faults:
    """Where on the map labelled predictions lie.

    The offsets are those that make every class as probable on average as it is frequent; classes without a label
    have none. Few labels a class make the bias look larger than it is.

    Args:
        probs: (n, m) predicted probabilities.
        labels: (n,) class numbers.
        prior: (m,) class frequencies of the training labels.
        iterations: of the fit.
    """
    array = check_probs(probs).astype(np.float64)
    truth = whole(labels, name="labels", shape=(len(array),), low=0, high=array.shape[1] - 1)
    iterations = whole_number(iterations, name="iterations")
    q = check_prior(prior, array.shape[1])
    shares = np.bincount(truth, minlength=len(q)) / len(truth)
    seen = shares > 0
    logits, offsets = np.log(np.maximum(array, 1e-300)), np.zeros(len(q))
    for _ in range(iterations):
        means = softmax(logits + offsets, axis=1).mean(axis=0)
        offsets[seen] += np.log(shares[seen] / np.maximum(means[seen], 1e-300))
        offsets[seen] -= offsets[seen].mean()
    order = np.argsort(-q, kind="stable")
    away, reverse = shares[order] - q[order], q[order][::-1] - q[order]
    size = float(reverse @ reverse)
    shift = float(np.clip(away @ reverse / size, 0, 1)) if size > 0 else 0.0
    return Faults(float(offsets[seen].std()), shift)
