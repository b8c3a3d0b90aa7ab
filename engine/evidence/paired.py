"""Is system B better than system A, by how much, and would it show again?

Both systems answered the same examples, so every test here is paired. With `n01` examples that only B gets right and
`n10` that only A gets right, the accuracy difference is `(n01 - n10) / n`; all examples on which both agree cancel.

- Paired bootstrap: an interval for the difference (Efron, 1979; Koehn, 2004).
- Exact McNemar test: under "no difference" `n01 ~ Binomial(n01 + n10, 1/2)` (McNemar, 1947).
- Paired permutation test: for metrics that are no mean over examples, swap the two systems' answers at random
  (Fisher, 1935; Noreen, 1989).
- Holm's correction when several comparisons are made (Holm, 1979).

Comparisons over seeds are in `engine.evidence.seeds`, the size an experiment needs in `engine.evidence.power`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import bdtr

from engine.evidence.intervals import CHUNK_CELLS, Interval, check_confidence, check_sample, resampled_means


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


def paired_bootstrap(
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    *,
    rng: np.random.Generator,
    resamples: int = 10_000,
    confidence: float = 0.95,
) -> Interval:
    """Mean difference B - A with a paired percentile bootstrap interval.

    Args:
        scores_a: (n,) score of each example under A: right or wrong, or any number whose mean is the metric.
        scores_b: (n,) the same for B, same order.
        rng: source of randomness.
        resamples: number of bootstrap samples.
        confidence: nominal coverage.

    Returns:
        Interval of the difference; [0, 0] where the systems never differ.

    Raises:
        ValueError: if the shapes differ, or a value is not finite.
    """
    check_confidence(confidence)
    if resamples < 2:
        raise ValueError(f"resamples must be at least 2, got {resamples}")
    a, b = _pair(scores_a, scores_b)
    draws = resampled_means(b - a, rng=rng, resamples=resamples)
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float((b - a).mean()), float(low), float(high), len(a))


def mcnemar_exact(correct_a: ArrayLike, correct_b: ArrayLike) -> float:
    """Two-sided exact p-value of McNemar's test that A and B are right equally often.

    Args:
        correct_a: (n,) booleans.
        correct_b: (n,) booleans, same order.

    Returns:
        p in (0, 1]; 1 where no example tells them apart.
    """
    table = discordance(correct_a, correct_b)
    return mcnemar_p(table.only_a, table.only_b)


def mcnemar_p(only_a: int, only_b: int) -> float:
    """Exact McNemar p-value from the two discordant counts, `min(1, 2 P(Binomial(n, 1/2) <= min))`."""
    if only_a < 0 or only_b < 0:
        raise ValueError(f"counts must not be negative, got {only_a} and {only_b}")
    total = only_a + only_b
    return min(1.0, 2 * float(bdtr(min(only_a, only_b), total, 0.5))) if total else 1.0


@dataclass(frozen=True, slots=True)
class PermutationResult:
    """Observed difference B - A of a metric and how often chance swaps exceed it."""

    difference: float
    p_value: float
    resamples: int


def permutation_test(
    outputs_a: ArrayLike,
    outputs_b: ArrayLike,
    metric: Callable[[np.ndarray], float],
    *,
    rng: np.random.Generator,
    resamples: int = 10_000,
) -> PermutationResult:
    """Paired permutation test for any metric, such as Spearman's correlation or macro F1.

    Args:
        outputs_a: (n,) or (n, k) outputs of A, one example per row.
        outputs_b: same shape, outputs of B.
        metric: maps outputs of that shape to a number (close over the labels); called 2 `resamples` + 2 times.
        rng: source of randomness.
        resamples: number of random swaps.

    Returns:
        The two-sided result; p is `(1 + hits) / (1 + resamples)`, so never 0.
    """
    a, b = np.asarray(outputs_a), np.asarray(outputs_b)
    if a.shape != b.shape or a.ndim == 0 or len(a) == 0:
        raise ValueError(f"outputs_a and outputs_b must have one shape (n, ...), got {a.shape} and {b.shape}")
    observed = float(metric(b)) - float(metric(a))
    differing = np.flatnonzero((a != b).reshape(len(a), -1).any(axis=1))
    if len(differing) == 0:
        return PermutationResult(0.0, 1.0, resamples)
    left, right, hits = a.copy(), b.copy(), 0
    tolerance = 1e-12 * max(1.0, abs(observed))
    for _ in range(resamples):
        swap = differing[rng.random(len(differing)) < 0.5]
        left[swap], right[swap] = b[swap], a[swap]
        hits += abs(float(metric(right)) - float(metric(left))) >= abs(observed) - tolerance
        left[swap], right[swap] = a[swap], b[swap]
    return PermutationResult(observed, (1 + hits) / (1 + resamples), resamples)


def permutation_test_counts(
    counts_a: ArrayLike,
    counts_b: ArrayLike,
    metric: Callable[[np.ndarray], np.ndarray],
    *,
    rng: np.random.Generator,
    resamples: int = 10_000,
) -> PermutationResult:
    """Paired permutation test for a metric of summed counts, such as micro or macro F1 from tp, fp and fn.

    Swaps act on sums only, so all resamples are one product of a random matrix with the differences.

    Args:
        counts_a: (n, k) what each example adds to the k counts under A.
        counts_b: (n, k) the same for B.
        metric: maps sums (r, k) to values (r,).
        rng: source of randomness.
        resamples: number of random swaps.
    """
    a, b = _pair(counts_a, counts_b)
    if a.ndim != 2:
        raise ValueError(f"counts must have shape (n, k), got {a.shape}")
    sum_a, sum_b = a.sum(axis=0), b.sum(axis=0)
    observed = float(metric(sum_b[None])[0] - metric(sum_a[None])[0])
    change = (b - a)[(a != b).any(axis=1)]  # (m, k), rows that a swap can change
    if len(change) == 0:
        return PermutationResult(0.0, 1.0, resamples)
    tolerance, hits = 1e-12 * max(1.0, abs(observed)), 0
    for moved in _swapped_sums(change, rng=rng, resamples=resamples):
        gaps = metric(sum_b - moved) - metric(sum_a + moved)
        hits += int((np.abs(gaps) >= abs(observed) - tolerance).sum())
    return PermutationResult(observed, (1 + hits) / (1 + resamples), resamples)


def _swapped_sums(change: np.ndarray, *, rng: np.random.Generator, resamples: int) -> Iterator[np.ndarray]:
    """Sums of the rows that random swaps move, (m, k) -> blocks of (rows, k).

    Of rows that change the sums in the same way only the number of swapped ones counts, which is binomial.
    """
    kinds, sizes, _ = _kinds(change)
    few, narrow = 4 * len(kinds) < len(change), _narrow(change)
    width = len(kinds) if few else len(change)
    for rows in _blocks(resamples, width):
        if few:
            yield rng.binomial(sizes, 0.5, (rows, width)).astype(np.float64) @ kinds
        else:
            yield rng.integers(0, 2, (rows, width), dtype=np.int8).astype(narrow.dtype) @ narrow


def _resampled_sums(counts: np.ndarray, *, rng: np.random.Generator, resamples: int) -> Iterator[np.ndarray]:
    """Sums over bootstrap samples of the rows, (n, k) -> blocks of (rows, k).

    Equal rows are one kind. How often each kind occurs is drawn at once where there are few, else row by row.
    """
    n = len(counts)
    kinds, sizes, kind_of = _kinds(counts)
    narrow, few = _narrow(kinds), 16 * len(kinds) < n
    for rows in _blocks(resamples, len(kinds)):
        if few:
            times = rng.multinomial(n, sizes / n, size=rows).astype(narrow.dtype)
        else:
            drawn = (np.bincount(kind_of[rng.integers(0, n, n)], minlength=len(kinds)) for _ in range(rows))
            times = np.fromiter(drawn, dtype=np.dtype((narrow.dtype, len(kinds))), count=rows)
        yield times @ narrow


def _narrow(rows: np.ndarray) -> np.ndarray:
    """Counts as float32, whose sums are exact below 2^24 and twice as quick; other numbers as they are."""
    return rows.astype(np.float32) if np.array_equal(rows, np.rint(rows)) else rows


def _blocks(resamples: int, width: int) -> Iterator[int]:
    """Rows of each block, so that a block of that width stays small."""
    rows = max(1, CHUNK_CELLS // width)
    yield from (min(rows, resamples - start) for start in range(0, resamples, rows))


def _kinds(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct rows (m, k), how often each occurs (m,), and the kind of each row (n,); told apart by a projection."""
    mixed = rows @ np.random.default_rng(0).standard_normal(rows.shape[1])
    _, first, kind_of, sizes = np.unique(mixed, return_index=True, return_inverse=True, return_counts=True)
    return rows[first], sizes, kind_of


def paired_bootstrap_counts(
    counts_a: ArrayLike,
    counts_b: ArrayLike,
    metric: Callable[[np.ndarray], np.ndarray],
    *,
    rng: np.random.Generator,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> Interval:
    """Difference B - A of a metric of summed counts (F1) with a paired percentile bootstrap interval.

    Arguments as in `permutation_test_counts`; the same resampled examples are used for both systems.
    """
    check_confidence(confidence)
    a, b = _pair(counts_a, counts_b)
    if a.ndim != 2:
        raise ValueError(f"counts must have shape (n, k), got {a.shape}")
    n, k = a.shape
    blocks = _resampled_sums(np.hstack([a, b]), rng=rng, resamples=resamples)
    draws = [metric(sums[:, k:]) - metric(sums[:, :k]) for sums in blocks]
    low, high = np.quantile(np.concatenate(draws), [(1 - confidence) / 2, (1 + confidence) / 2])
    observed = float(metric(b.sum(axis=0)[None])[0] - metric(a.sum(axis=0)[None])[0])
    return Interval(observed, float(low), float(high), n)


def class_counts(labels: ArrayLike, preds: ArrayLike, *, n_classes: int) -> np.ndarray:
    """Per-example (tp, fp, fn) of every class for the count tests, (n,) and (n,) -> (n, 3 n_classes) int8.

    Column `c` is tp of class c, `n_classes + c` fp, `2 n_classes + c` fn; `macro_f1_of_counts` reads the sums.
    """
    truth, guess = np.asarray(labels, dtype=np.int64), np.asarray(preds, dtype=np.int64)
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
    tp, fp, fn = np.split(np.asarray(sums, dtype=np.float64), 3, axis=1)
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
    if np.shape(a) != np.shape(b):
        raise ValueError(f"the two systems must be paired, got shapes {np.shape(a)} and {np.shape(b)}")
    return check_sample(a, name="scores of A"), check_sample(b, name="scores of B")
