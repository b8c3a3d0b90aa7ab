"""Slices of the examples that explain a difference, found on one half and confirmed on the other.

Many slices (classes, lengths, words, sources) are looked at, so the most striking one looks striking by chance alone.
Here a random half of the examples proposes the few slices whose difference departs most from that of the rest, and only
the other half, which had no say in the choice, tests them: Welch's test of the slice against the rest, with Holm's
correction over the proposals. "No slice stands out" is a result.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr

from engine.arrays import read
from engine.evidence.intervals import Interval, check_sample
from engine.evidence.mean_difference import mean_difference_intervals
from engine.evidence.paired import holm

LEAST_ROWS = 20
"""rows of a slice in each half below which it is not looked at"""


@dataclass(frozen=True, slots=True)
class Slice:
    """A slice that the first half proposed, as the second half sees it."""

    name: str
    difference: Interval
    """mean difference inside"""
    rest: float
    """mean difference of all other examples"""
    p_value: float
    """that inside and outside are alike, after Holm's correction"""
    uncorrected: float
    """the same before the correction"""
    share: float
    """share of the whole difference that comes from inside; NaN where there is no difference"""

    @property
    def stands_out(self) -> bool:
        """Whether the difference inside is another one than outside."""
        return self.p_value < 0.05


def slices_that_differ(
    differences: ArrayLike,
    slices: Mapping[str, ArrayLike],
    *,
    rng: np.random.Generator,
    most: int = 5,
    bound: float = 1.0,
) -> list[Slice]:
    """Propose slices on one half of the examples and test them on the other.

    Args:
        differences: (n,) score of B minus score of A on each example, mean over seeds.
        slices: name -> (n,) booleans, which examples are inside; slices may overlap.
        rng: source of the halves.
        most: proposals that are tested.
        bound: largest possible |difference|.

    Returns:
        The proposals by corrected p-value; those that stand out first. Empty where no slice has 20 rows inside and
        outside in both halves.

    Raises:
        ValueError: if a slice is not of shape (n,) booleans, or a difference is not finite.
    """
    gaps = check_sample(differences, name="differences")
    if gaps.ndim != 1:
        raise ValueError(f"differences must have shape (n,), got {gaps.shape}")
    if float(np.abs(gaps).max()) > bound * (1 + 1e-9):
        raise ValueError(f"differences must lie in [-{bound:g}, {bound:g}], got {float(np.abs(gaps).max()):g}")
    if most < 1:
        raise ValueError(f"most must be at least 1, got {most}")
    mixed = rng.permutation(len(gaps))
    halves = [np.sort(rows) for rows in (mixed[: len(gaps) // 2], mixed[len(gaps) // 2 :])]
    first, second = (gaps[rows] for rows in halves)
    proposals: dict[str, float] = {}
    for name, rows in slices.items():
        inside = read(rows, name=f"slice {name!r}")
        if inside.shape != gaps.shape or inside.dtype != bool:
            raise ValueError(f"slice {name!r} must be ({len(gaps)},) booleans, got {inside.dtype} {inside.shape}")
        among = [inside[rows] for rows in halves]
        counts = [np.count_nonzero(part) for part in among]
        if min(*counts, *(len(part) - count for part, count in zip(among, counts, strict=True))) >= LEAST_ROWS:
            proposals[name] = _welch(first[among[0]], first[~among[0]])
    chosen = sorted(proposals, key=lambda name: proposals[name])[:most]
    if not chosen:
        return []
    tested = [np.asarray(slices[name])[halves[1]] for name in chosen]
    p_values = [_welch(second[inside], second[~inside]) for inside in tested]
    total = float(second.sum())
    intervals = mean_difference_intervals([second[inside] for inside in tested], bound=bound)
    found = [
        Slice(
            name,
            interval,
            float(second[~inside].mean()),
            p,
            p,
            float(second[inside].sum()) / total if total else float("nan"),
        )
        for name, interval, inside, p in zip(chosen, intervals, tested, p_values, strict=True)
    ]
    return corrected_together([found])[0]


def corrected_together(groups: Sequence[Sequence[Slice]]) -> list[list[Slice]]:
    """Holm's correction over all slices of several comparisons at once, for a page that shows them together.

    Returns:
        The same groups, each by corrected p-value.
    """
    flat = [item for group in groups for item in group]
    p_values = iter(holm([item.uncorrected for item in flat]) if flat else ())
    again = [[replace(item, p_value=float(next(p_values))) for item in group] for group in groups]
    return [sorted(group, key=lambda item: item.p_value) for group in again]


def conclusion(found: list[Slice]) -> str:
    """One sentence: which slices stand out, or that none does."""
    standing = [item for item in found if item.stands_out]
    if not found:
        return "No slice has enough examples to be looked at."
    if not standing:
        return (
            f"No slice stands out: {len(found)} were found on one half of the examples, none is confirmed on the other."
        )
    told = [
        f"{item.name}, {100 * item.difference.value:+.1f} points ({100 * item.difference.low:+.1f} to "
        f"{100 * item.difference.high:+.1f}), elsewhere {100 * item.rest:+.1f}"
        for item in standing
    ]
    return f"Found on one half of the examples and confirmed on the other: {'; '.join(told)}."


def _welch(a: np.ndarray, b: np.ndarray) -> float:
    """Two-sided p of Welch's test; a half row's spread is added, so that equal rows are no certainty."""
    errors = np.array([(values.var(ddof=1) + 0.5 / len(values)) / len(values) for values in (a, b)])
    freedom = errors.sum() ** 2 / (errors**2 / (np.array([len(a), len(b)]) - 1)).sum()
    return float(2 * stdtr(freedom, -abs(a.mean() - b.mean()) / np.sqrt(errors.sum())))
