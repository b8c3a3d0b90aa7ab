"""What a correction of predictions gains, and its cross-fitted gain: tuned on some rows, scored on others.

The best of many grid points looks better than it is. `cross_fit` chooses a point on one half of the labelled rows and
takes its predictions on the other half, for both halves: its gain is that of a setting that never saw the labels it is
scored on. To leave the predictions as they are is a candidate too, so that a grid without a useful point forces no
loss. `tuned` is the best point on all labels; its gain is biased upwards and is to be called so.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from engine.arrays import flags, numbers, same_shape, whole, whole_number
from engine.evidence.intervals import Interval, proportion_interval
from engine.evidence.mean_difference import mean_difference_interval
from engine.evidence.metrics import macro_f1
from engine.evidence.paired import Discordance, discordance, mcnemar_p


@dataclass(frozen=True, slots=True)
class Gain:
    """Predictions before and after a correction, on the same labelled rows."""

    accuracy_before: Interval
    accuracy: Interval
    gain: Interval  # of the accuracy, score interval of the paired difference
    macro_f1_before: float
    macro_f1: float
    p_value: float  # mid-p McNemar
    table: Discordance
    corrected: int  # rows that the method touched
    flips: int  # rows whose decision changed
    accuracy_confident: Interval | None  # before, outside the touched rows; None where there are none
    accuracy_uncertain: Interval | None  # before, inside them

    @property
    def flips_to_right(self) -> int:
        """Decisions that were wrong and are right now."""
        return self.table.only_b

    @property
    def flips_to_wrong(self) -> int:
        """Decisions that were right and are wrong now."""
        return self.table.only_a


def evaluate(
    labels: ArrayLike,
    before: ArrayLike,
    after: ArrayLike,
    *,
    n_classes: int,
    touched: ArrayLike | None = None,
) -> Gain:
    """Score a correction.

    Args:
        labels: (n,) true classes.
        before: (n,) predicted classes before it.
        after: (n,) predicted classes after it.
        n_classes: number of classes.
        touched: (n,) booleans, rows that the method was allowed to change; None takes all of them.

    Raises:
        ValueError: if the arrays differ in length or there is no row.
    """
    most = whole_number(n_classes, name="n_classes", low=1) - 1
    y = whole(labels, name="labels", shape=("n",), low=0, high=most, empty=False)
    old = whole(before, name="before", low=0, high=most)
    new = whole(after, name="after", low=0, high=most)
    if not (y.shape == old.shape == new.shape):
        raise ValueError(f"labels, before and after must have one shape (n,), got {y.shape}, {old.shape}, {new.shape}")
    inside = np.ones(len(y), dtype=bool) if touched is None else flags(touched, name="touched", shape=y.shape)
    right_before, right_after = old == y, new == y
    table = discordance(right_before, right_after)
    return Gain(
        accuracy_before=_share(right_before),
        accuracy=_share(right_after),
        gain=mean_difference_interval(right_after.astype(float) - right_before),
        macro_f1_before=macro_f1(y, old, n_classes=n_classes),
        macro_f1=macro_f1(y, new, n_classes=n_classes),
        p_value=mcnemar_p(table.only_a, table.only_b),
        table=table,
        corrected=int(inside.sum()),
        flips=int((old != new).sum()),
        accuracy_confident=_share(right_before[~inside]) if not inside.all() else None,
        accuracy_uncertain=_share(right_before[inside]) if inside.any() else None,
    )


@dataclass(frozen=True, slots=True)
class CrossFit:
    """A choice among candidates that was made on one half and is reported on the other."""

    preds: np.ndarray  # (n,) every row from the candidate chosen on the other half
    chosen: tuple[int | None, int | None]  # candidate that predicts the first and the second half, None: as it was
    half: np.ndarray  # (n,) booleans, True for the second half
    tuned: int  # best candidate on all labels


def cross_fit(
    labels: ArrayLike, candidates: ArrayLike, *, rng: np.random.Generator, before: ArrayLike | None = None
) -> CrossFit:
    """Choose among candidate predictions by accuracy on one half, predict the other half with the choice.

    Args:
        labels: (n,) true classes.
        candidates: (g, n) predictions of g settings; earlier ones win ties, so put the preferred setting first.
        rng: source of the random halves.
        before: (n,) predictions as they were: chosen where no candidate does better; None: not among the candidates.

    Raises:
        ValueError: with fewer than two rows or no candidate.
    """
    y, preds = whole(labels, name="labels", shape=("n",)), whole(candidates, name="candidates")
    if preds.ndim != 2 or preds.shape[1:] != y.shape or not len(preds) or len(y) < 2:
        raise ValueError(f"candidates must have shape (g, {len(y)}) with g >= 1 and n >= 2, got {preds.shape}")
    half = np.zeros(len(y), dtype=bool)
    half[rng.permutation(len(y))[: len(y) // 2]] = True
    right = preds == y
    tuned = int(right.mean(axis=1).argmax())
    old = np.asarray(before) if before is not None else preds[0]
    right_before = old == y

    def best(rows: np.ndarray) -> int | None:
        shares = right[:, rows].mean(axis=1)
        chosen = int(shares.argmax())
        return None if before is not None and shares[chosen] <= right_before[rows].mean() else chosen

    first, second = best(half), best(~half)
    on_first, on_second = (old if chosen is None else preds[chosen] for chosen in (first, second))
    return CrossFit(np.where(half, on_second, on_first), (first, second), half, tuned)


@dataclass(frozen=True, slots=True)
class UncertaintyBins:
    """Accuracy by uncertainty: the assumption behind CAN is that it falls."""

    edges: np.ndarray  # (bins + 1,)
    count: np.ndarray  # (bins,)
    right: np.ndarray  # (bins,)


def accuracy_by_uncertainty(uncertainty: ArrayLike, correct: ArrayLike, *, bins: int = 20) -> UncertaintyBins:
    """Count rows and right predictions in equal bins of uncertainty over [0, 1]; each bin is closed on the left."""
    value = numbers(uncertainty, name="uncertainty", shape=("n",), dtype=np.float64, low=0, high=1 + 1e-6)
    right = flags(correct, name="correct", shape=("n",))
    same_shape(uncertainty=value, correct=right)
    bins = whole_number(bins, name="bins", low=1)
    index = np.clip((value * bins).astype(np.int64), 0, bins - 1)
    return UncertaintyBins(
        np.linspace(0, 1, bins + 1),
        np.bincount(index, minlength=bins),
        np.bincount(index[right], minlength=bins),
    )


def _share(right: np.ndarray) -> Interval:
    return proportion_interval(int(right.sum()), len(right))
