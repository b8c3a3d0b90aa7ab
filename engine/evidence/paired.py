"""Is system B better than system A, by how much, and would it show again?

Both systems answered the same examples, so every test here is paired. With `n01` examples that only B gets right and
`n10` that only A gets right, the accuracy difference is `(n01 - n10) / n`; all examples on which both agree cancel.

McNemar's test: under "no difference" `n01 ~ Binomial(n01 + n10, 1/2)` (McNemar, 1947). Holm's correction when several
comparisons are made (Holm, 1979). The interval of the difference is in `engine.evidence.mean_difference`, seeds and
examples together in `engine.evidence.joint`, the size an experiment needs in `engine.evidence.power`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import bdtr

from engine import arrays
from engine.evidence.intervals import check_sample


@dataclass(frozen=True, slots=True)
class Discordance:
    """How two systems' correctness agrees on the same n examples."""

    both_right: int
    only_a: int
    only_b: int
    both_wrong: int

    @property
    def n(self) -> int:
        """Number of examples."""
        return self.both_right + self.only_a + self.only_b + self.both_wrong


def discordance(correct_a: ArrayLike, correct_b: ArrayLike) -> Discordance:
    """Count the four outcomes of two systems on the same examples.

    Args:
        correct_a: (n,) booleans, whether A is right.
        correct_b: (n,) booleans, whether B is right, same order.
    """
    a, b = _pair(correct_a, correct_b)
    if not (np.isin(a, (0, 1)).all() and np.isin(b, (0, 1)).all()):
        raise ValueError("correct_a and correct_b must hold only right (1) and wrong (0)")
    right_a, right_b = a.astype(bool), b.astype(bool)
    both, only_a, only_b = (right_a & right_b).sum(), (right_a & ~right_b).sum(), (~right_a & right_b).sum()
    return Discordance(int(both), int(only_a), int(only_b), int(len(a) - both - only_a - only_b))


def mcnemar_p(only_a: int, only_b: int) -> float:
    """Two-sided mid-p value of McNemar's test that A and B are right equally often.

    The exact test rejects in 1 % of the cases where 5 % are allowed when few examples differ; counting the observed
    outcome half keeps the error at the level and sees more (Fagerland, Lydersen & Laake, 2013).

    Args:
        only_a: examples that only A gets right.
        only_b: examples that only B gets right.

    Returns:
        p in (0, 1]; 1 where no example tells them apart.
    """
    only_a = arrays.whole_number(only_a, name="only_a", low=0)
    only_b = arrays.whole_number(only_b, name="only_b", low=0)
    if only_a < 0 or only_b < 0:
        raise ValueError(f"counts must not be negative, got {only_a} and {only_b}")
    total, fewer = only_a + only_b, min(only_a, only_b)
    if only_a == only_b:
        return 1.0
    observed = float(bdtr(fewer, total, 0.5) - (bdtr(fewer - 1, total, 0.5) if fewer else 0.0))
    return min(1.0, 2 * float(bdtr(fewer, total, 0.5)) - observed)


def class_counts(labels: ArrayLike, preds: ArrayLike, *, n_classes: int) -> np.ndarray:
    """Per-example (tp, fp, fn) of every class for the count tests, (n,) and (n,) -> (n, 3 n_classes) int8.

    Column `c` is tp of class c, `n_classes + c` fp, `2 n_classes + c` fn; `macro_f1_of_counts` reads the sums.
    """
    truth, guess = arrays.whole(labels, name="labels"), arrays.whole(preds, name="preds")
    if truth.shape != guess.shape or truth.ndim != 1:
        raise ValueError(f"labels and preds must have one shape (n,), got {truth.shape} and {guess.shape}")
    for name, values in (("labels", truth), ("preds", guess)):
        if len(values) and not (values.min() >= 0 and values.max() < n_classes):
            raise ValueError(f"{name} must lie in 0..{n_classes - 1}, got {values.min()}..{values.max()}")
    counts = np.zeros((len(truth), 3 * n_classes), dtype=np.int8)
    rows, right = np.arange(len(truth)), truth == guess
    counts[rows[right], truth[right]] = 1
    counts[rows[~right], n_classes + guess[~right]] = 1
    counts[rows[~right], 2 * n_classes + truth[~right]] = 1
    return counts


def macro_f1_of_counts(sums: ArrayLike) -> np.ndarray:
    """Mean F1 over the classes that occur, (r, 3c) sums of `class_counts` -> (r,)."""
    added = arrays.numbers(sums, name="sums", shape=("r", "three a class"), dtype=np.float64, low=0, high=1e300)
    if not added.shape[1] or added.shape[1] % 3:
        raise ValueError(f"sums must have three columns a class, got {added.shape[1]} columns")
    tp, fp, fn = np.split(added, 3, axis=1)
    denominator = 2 * tp + fp + fn
    f1 = np.divide(2 * tp, denominator, out=np.zeros_like(tp), where=denominator > 0)
    return f1.sum(axis=1) / np.maximum(1, (denominator > 0).sum(axis=1))  # type: ignore[no-any-return]


def holm(p_values: ArrayLike) -> np.ndarray:
    """Holm's adjusted p-values, (m,) -> (m,): reject those below the level and the family-wise error keeps it."""
    p = check_sample(p_values, name="p_values")
    if p.ndim != 1 or p.min() < 0 or p.max() > 1:
        raise ValueError(f"p_values must be (m,) numbers in [0, 1], got {p.tolist()[:5]}")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted


def _pair(a: ArrayLike, b: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Both arrays as float64 of one shape."""
    first, second = check_sample(a, name="scores of A"), check_sample(b, name="scores of B")
    if first.shape != second.shape:
        raise ValueError(f"the two systems must be paired, got shapes {first.shape} and {second.shape}")
    return first, second
