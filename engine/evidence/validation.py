"""Class probabilities and class priors: what every method here accepts, and the sentence that says why not."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from engine.arrays import numbers

SUM_TOLERANCE = 1e-3


def check_probs(probs: ArrayLike, *, name: str = "probs", width: int | None = None) -> np.ndarray:
    """Return class probabilities as an array (n, m), or say in one sentence what is wrong with them.

    Args:
        probs: (n, m) floats, rows summing to one within 1e-3.
        name: what to call them in the message.
        width: expected m, if known.

    Raises:
        ValueError: for a wrong shape, NaN, negative numbers, rows that do not sum to one, or logits.
    """
    array = numbers(probs, name=name, finite=False)
    if np.asarray(probs).dtype.kind != "f" and array.size:
        raise ValueError(f"{name} must be floats, got {np.asarray(probs).dtype}")
    if array.ndim != 2 or array.shape[1] < 2:
        raise ValueError(f"{name} must have shape (n, classes) with at least 2 classes, got {array.shape}")
    if width is not None and array.shape[1] != width:
        raise ValueError(f"{name} must have {width} columns, one per class, got {array.shape[1]}")
    if len(array) == 0:
        return array
    with np.errstate(over="ignore", invalid="ignore"):
        return _check_simplex(array, name)


def _check_simplex(array: np.ndarray, name: str) -> np.ndarray:
    sums = array.sum(axis=1, dtype=np.float64)
    off = np.abs(sums - 1)
    if array.min() >= 0 and off.max() <= SUM_TOLERANCE:  # false also where anything is NaN
        return array
    if not np.isfinite(array).all():
        row, column = np.argwhere(~np.isfinite(array))[0]
        raise ValueError(f"{name} must be finite, got {array[row, column]} in row {row}, class {column}")
    if array.min() < 0 or array.max() > 1 + SUM_TOLERANCE:
        row, column = np.argwhere((array < 0) | (array > 1 + SUM_TOLERANCE))[0]
        hint = "; these look like logits: take the softmax first" if array.min() < -SUM_TOLERANCE else ""
        raise ValueError(f"{name} must lie in [0, 1], got {array[row, column]:.4g} in row {row}, class {column}{hint}")
    worst = int(off.argmax())
    raise ValueError(
        f"{name} must sum to one in every row, but row {worst} sums to {sums[worst]:.6g}, "
        f"off by {off[worst]:.2g} ({int((off > SUM_TOLERANCE).sum())} of {len(array)} rows are off)"
    )


def check_prior(prior: ArrayLike, n_classes: int) -> np.ndarray:
    """Return the prior as float64 (n_classes,), refusing a wrong length, zeros, NaN and a sum that is not one."""
    q = numbers(prior, name="prior", dtype=np.float64)
    if q.shape != (n_classes,):
        raise ValueError(f"prior must have one frequency per class, shape ({n_classes},), got {q.shape}")
    if not (q > 0).all():
        at = int(np.flatnonzero(~(q > 0))[0])
        raise ValueError(
            f"prior must be positive, got {q[at]:g} for class {at}: leave out or smooth a class without rows"
        )
    if abs(q.sum() - 1) > SUM_TOLERANCE:
        raise ValueError(f"prior must sum to one, got {q.sum():.6g}: divide it by its sum")
    return q


def prior_from_counts(counts: Mapping[str, float], names: Sequence[str]) -> tuple[np.ndarray, int]:
    """Class frequencies from counts by class name, in the order of names.

    A class that was never counted would have frequency 0, which no correction can use: where there is one, half a row
    is added to every class.

    Args:
        counts: class name -> number of training rows.
        names: (m,) names of the classes.

    Returns:
        The prior (m,) and the number of classes that were never counted.

    Raises:
        ValueError: if none of the names was counted.
    """
    found = numbers([float(counts.get(name, 0.0)) for name in names], name="counts", low=0, high=1e300)
    if not found.sum() > 0:
        raise ValueError(
            f"none of the {len(names)} classes was counted (counted: {', '.join(list(counts)[:5]) or 'nothing'})"
        )
    absent = int((found == 0).sum())
    smoothed = found + 0.5 if absent else found
    return smoothed / smoothed.sum(), absent
