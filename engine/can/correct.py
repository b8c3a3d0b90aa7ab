"""Classification with alternating normalization (CAN): correct uncertain predictions with the class prior.

Predictions that are sure of themselves stay. An uncertain one is changed so that, together with the confident ones, the
mix of predicted classes moves towards the known frequencies q of the classes: nine of ten questions were answered and
nobody said D, so the tenth is probably D. Jia et al., 2021 (arXiv 2109.13449); Su, "CAN", 2021
(https://kexue.fm/archives/8728). The algebra that corrects all rows at once is in `engine.can.alternation`.

Uncertainty of a row, from its k largest probabilities, has three published forms:

- "blog": entropy of the k largest, rescaled to sum to one, over log k. In [0, 1].
- "paper": entropy terms of the k largest as they are, over log m.
- "any_k": the largest "blog" value over 2..k (the paper's code calls a row confused if any of them reaches the
  threshold).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, repeat
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from engine.arrays import numbers, whole_number
from engine.can.alternation import each_correction, each_correction_together
from engine.evidence.validation import check_prior, check_probs

Uncertainty = Literal["blog", "paper", "any_k"]


def top_k_entropy(probs: ArrayLike, *, k: int = 3, uncertainty: Uncertainty = "blog") -> np.ndarray:
    """Uncertainty of every row, (n, m) -> (n,) float64.

    Args:
        probs: (n, m) class probabilities.
        k: how many of the largest probabilities count, 2..m; for "any_k" the largest k tried.
        uncertainty: which of the three definitions, see the module.

    Raises:
        ValueError: if k is outside 2..m or the probabilities are none.

    Example:
        >>> top_k_entropy(np.array([[0.5, 0.25, 0.25], [0.5, 0.5, 0.0]]), k=2)  # the second row is the less certain
        array([0.91829583, 1.        ])
    """
    return _uncertainty(check_probs(probs), k, uncertainty)


def _uncertainty(array: np.ndarray, k: int, uncertainty: Uncertainty) -> np.ndarray:
    m = array.shape[1]
    if not 2 <= k <= m:
        raise ValueError(f"k must lie in 2..{m}, the number of classes, got {k}")
    if uncertainty not in get_args(Uncertainty):
        raise ValueError(f"uncertainty must be one of {', '.join(get_args(Uncertainty))}, got {uncertainty!r}")
    top = _largest(array, k)  # (n, k), decreasing
    if uncertainty == "any_k":
        values = [_entropy(top[:, :j], normalize=True) / np.log(j) for j in range(2, k + 1)]
        return np.asarray(np.max(values, axis=0))
    return np.asarray(_entropy(top, normalize=uncertainty == "blog") / np.log(k if uncertainty == "blog" else m))


def uncertain_rows(
    probs: ArrayLike, *, k: int = 3, threshold: float = 0.9, uncertainty: Uncertainty = "blog"
) -> np.ndarray:
    """Which rows CAN would correct: uncertainty at or above the threshold, (n, m) -> (n,) booleans.

    k follows `alternating_normalization`: it must stay below the number of classes, and two classes have only k = 2.
    """
    array = check_probs(probs)
    return _uncertainty(array, usable_k(k, array.shape[1], uncertainty), uncertainty) >= threshold


def usable_k(k: int, n_classes: int, uncertainty: Uncertainty = "blog") -> int:
    """The k that a correction of n_classes works with: refuses 1 and k >= n_classes; two classes always mean 2.

    With k = n_classes the measure is the plain entropy, which ranks [.5 .25 .25] above [.5 .5 0]: the very fault that
    the top-k form removes.
    """
    k = whole_number(k, name="k", low=0)
    n_classes = whole_number(n_classes, name="n_classes", low=1)
    if n_classes == 2 and k >= 2:
        return 2
    most = n_classes if uncertainty == "any_k" else n_classes - 1
    if not 2 <= k <= most:
        raise ValueError(f"k must lie in 2..{most} for {n_classes} classes, got {k}")
    return k


def alternating_normalization(
    probs: ArrayLike,
    prior: ArrayLike,
    *,
    k: int = 3,
    threshold: float = 0.9,
    alpha: float = 1.0,
    iterations: int = 1,
    reference: ArrayLike | None = None,
    uncertainty: Uncertainty = "blog",
    batch: bool = False,
) -> np.ndarray:
    """Correct the uncertain rows with the class prior.

    Args:
        probs: (n, m) class probabilities.
        prior: (m,) class frequencies, those of the training labels, positive and summing to one.
        k: largest probabilities that decide the uncertainty, 2..m - 1 (two classes: 2).
        threshold: uncertainty from which on a row is corrected.
        alpha: exponent of every iteration, positive.
        iterations: d, at least 1.
        reference: (r, m) confident rows to correct against, for instance of a validation set; None takes the confident
            rows of probs. Without any confident row the reference is one certain row per class.
        uncertainty: definition of the uncertainty, see `top_k_entropy`.
        batch: correct all uncertain rows in one alternation, where they influence one another; the method as published
            corrects each alone.

    Returns:
        A corrected copy of the same float dtype, computed in float64; confident rows are bitwise as they were.

    Raises:
        ValueError: for bad probabilities, prior or settings.
    """
    if iterations < 1:
        raise ValueError(f"iterations must be at least 1, got {iterations}")
    iterations = whole_number(iterations, name="iterations", low=1)
    each = corrections(
        probs, prior, k=k, threshold=threshold, alpha=alpha, reference=reference, uncertainty=uncertainty, batch=batch
    )
    return next(islice(each, iterations - 1, None))


def corrections(
    probs: ArrayLike,
    prior: ArrayLike,
    *,
    k: int = 3,
    threshold: float = 0.9,
    alpha: float = 1.0,
    reference: ArrayLike | None = None,
    uncertainty: Uncertainty = "blog",
    batch: bool = False,
) -> Iterator[np.ndarray]:
    """What `alternating_normalization` gives after one iteration, two, and so on without end; each costs one more.

    Arguments and errors as there; what is wrong is said when the first is asked for.
    """
    if not np.isfinite(threshold):
        raise ValueError(f"threshold must be a number, got {threshold}")
    if not (np.isfinite(alpha) and alpha > 0):
        raise ValueError(f"alpha must be positive, got {alpha}")
    array = check_probs(probs)
    q = check_prior(prior, array.shape[1])
    unsure = _uncertainty(array, usable_k(k, array.shape[1], uncertainty), uncertainty) >= threshold
    known = array[~unsure] if reference is None else check_probs(reference, name="reference", width=array.shape[1])
    if len(known) == 0:
        known = np.eye(array.shape[1])
    each = each_correction_together if batch else each_correction
    rows, confident = (part.astype(np.float64, copy=False) for part in (array[unsure], known))
    for corrected in each(rows, confident, q, alpha=alpha) if unsure.any() else repeat(rows):
        result = array.copy()
        result[unsure] = corrected
        yield result


@dataclass(frozen=True, slots=True)
class MultiLabelCorrection:
    """Cells of a multi-label prediction after CAN."""

    probs: np.ndarray  # (n, labels) probability that the label holds
    corrected: np.ndarray  # (n, labels) booleans, which cells were uncertain


def alternating_normalization_cells(
    probs: ArrayLike,
    positive_rate: ArrayLike,
    *,
    threshold: float = 0.9,
    alpha: float = 1.0,
    iterations: int = 1,
) -> MultiLabelCorrection:
    """CAN for multi-label predictions: every (row, label) cell is a two-class problem [p, 1 - p].

    Args:
        probs: (n, labels) probability that each label holds; rows need not sum to one.
        positive_rate: share of cells that hold in training, one number for one pool of all cells, or (labels,), then
            every label is a problem of its own with its own confident cells.
        threshold: binary entropy (base 2) from which on a cell is corrected.
        alpha: exponent, positive.
        iterations: d, at least 1.
    """
    cells = numbers(probs, name="probs", shape=("n", "labels"), low=0, high=1)
    rates = numbers(positive_rate, name="positive_rate", dtype=np.float64)
    if not ((rates > 0) & (rates < 1)).all():
        raise ValueError(f"positive_rate must lie strictly between 0 and 1, got {rates.min():g}..{rates.max():g}")
    if rates.shape not in ((), (cells.shape[1],)):
        raise ValueError(f"positive_rate must be one number or one per label ({cells.shape[1]}), got {rates.shape}")
    pools = [cells.reshape(-1)] if rates.ndim == 0 else list(cells.T)
    fixed, unsure = [], []
    for pool, rate in zip(pools, np.atleast_1d(rates), strict=True):
        two = np.stack([pool, 1 - pool], axis=1).astype(np.float64)
        prior = np.array([rate, 1 - rate])
        fixed.append(
            alternating_normalization(two, prior, k=2, threshold=threshold, alpha=alpha, iterations=iterations)[:, 0]
        )
        unsure.append(uncertain_rows(two, k=2, threshold=threshold))
    if rates.ndim == 0:
        corrected, values = unsure[0].reshape(cells.shape), fixed[0].reshape(cells.shape)
    else:
        corrected, values = np.stack(unsure, axis=1), np.stack(fixed, axis=1)
    return MultiLabelCorrection(np.where(corrected, values, cells).astype(cells.dtype), corrected)


def _largest(array: np.ndarray, k: int) -> np.ndarray:
    """The k largest entries of every row, decreasing, (n, m) -> (n, k) float64."""
    if k > 4:
        return -np.sort(np.partition(-array, k - 1, axis=1)[:, :k], axis=1).astype(np.float64)
    left, rows = array.copy(), np.arange(len(array))
    top = np.empty((len(array), k))
    for j in range(k):  # a few scans are faster than a partition of every row
        at = left.argmax(axis=1)
        top[:, j] = left[rows, at]
        left[rows, at] = -1
    return top


def _entropy(top: np.ndarray, *, normalize: bool) -> np.ndarray:
    """Entropy terms of rows in nats, 0 log 0 = 0, (n, k) -> (n,)."""
    share = top / top.sum(axis=1, keepdims=True) if normalize else top
    logs = np.log(share, out=np.zeros_like(share), where=share > 0)
    return np.asarray(-np.einsum("nk,nk->n", share, logs))
