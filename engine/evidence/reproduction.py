"""Did our runs reproduce a published figure? An equivalence test with a margin.

"Not significantly different" is no reproduction: two runs that scatter by ten points differ from nothing. Two one-sided
tests (Schuirmann, 1987) ask the right question: is the mean over our seeds shown to lie *within* the margin of the
figure? The answer is *reproduced* where the 90 % interval lies inside the margin, *below* or *above* where it lies
beyond it, and *undecided* otherwise. The figure is taken as it stands: most are single runs and say nothing of their
spread. It is compared only on the rows that it was measured on, which the fingerprint of the data shows.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from engine.evidence.intervals import Interval, check_sample
from engine.evidence.joint import LEAST_SEEDS

MARGIN = 0.005
Outcome = Literal["reproduced", "below", "above", "undecided"]


@dataclass(frozen=True, slots=True)
class Reproduction:
    """Our runs against a published figure."""

    outcome: Outcome
    difference: Interval
    """ours minus the published figure, with the interval of the two one-sided tests (90 % at the level of 5 %)"""
    margin: float

    @property
    def sentence(self) -> str:
        """What was found, in words."""
        low, high = 100 * self.difference.low, 100 * self.difference.high
        shown = f"{100 * self.difference.value:+.2f} points ({low:+.2f} to {high:+.2f}, {self.difference.n} seeds)"
        margin = f"{100 * self.margin:g} points"
        match self.outcome:
            case "reproduced":
                return f"Reproduced: within {margin} of the published figure, {shown}."
            case "undecided" if self.difference.n < LEAST_SEEDS:
                needed = f"{LEAST_SEEDS} seeds are needed to tell"
                return f"Undecided: {100 * self.difference.value:+.2f} points, and {needed}; here: {self.difference.n}."
            case "undecided":
                return f"Undecided: not shown to lie within or beyond {margin} of the published figure, {shown}."
            case side:
                return f"{side.capitalize()} the published figure by more than {margin}, {shown}."


def reproduce(
    scores: ArrayLike,
    published: float,
    *,
    n_examples: int,
    fingerprint: str,
    official: Collection[str],
    margin: float = MARGIN,
    level: float = 0.05,
) -> Reproduction:
    """Test whether the mean over seeds equals a published figure within a margin.

    Args:
        scores: (s,) the metric of each seed, fractions.
        published: the figure, a fraction.
        n_examples: examples of the split; scores are known to half a row at best.
        fingerprint: of the split that the runs were scored on.
        official: fingerprints of the official split.
        margin: largest difference that counts as none.
        level: error of each one-sided test.

    Raises:
        ValueError: if the data are not the official split, or a number is not a fraction.
    """
    if fingerprint not in official:
        known = "not the official split" if official else "not known to be the official split: no fingerprint of it is"
        raise ValueError(f"the runs were scored on data that are {known} (fingerprint {fingerprint[:12] or 'none'})")
    sample = check_sample(scores, name="scores")
    if sample.ndim != 1 or sample.min() < 0 or sample.max() > 1 or not 0 <= published <= 1:
        raise ValueError("scores (s,) and the published figure must be fractions in [0, 1]")
    if n_examples < 1 or not margin > 0 or not 0 < level < 0.5:
        raise ValueError(f"need n_examples >= 1, margin > 0, 0 < level < 0.5, got {n_examples}, {margin:g}, {level:g}")
    n, difference = len(sample), float(sample.mean() - published)
    if n < LEAST_SEEDS:
        return Reproduction("undecided", Interval(difference, float("nan"), float("nan"), n), margin)
    error = max(float(sample.std(ddof=1) / np.sqrt(n)), 0.5 / n_examples)
    half = float(stdtrit(n - 1, 1 - level)) * error
    low, high = difference - half, difference + half
    outcome: Outcome = "undecided"
    if -margin <= low and high <= margin:
        outcome = "reproduced"
    elif high < -margin:
        outcome = "below"
    elif low > margin:
        outcome = "above"
    return Reproduction(outcome, Interval(difference, low, high, n), margin)


def in_words(
    scores: ArrayLike,
    published: float,
    *,
    n_examples: int,
    fingerprints: Iterable[str | None],
    official: str | None,
    margin: float = MARGIN,
) -> str:
    """The sentence of `reproduce`, or why the runs are not compared: what a table shows of one configuration.

    Args:
        scores: as of `reproduce`.
        published: as of `reproduce`.
        n_examples: as of `reproduce`.
        fingerprints: of the split that each seed was scored on; one other than the official is enough to compare none.
        official: fingerprint of the official split, None where it is not known.
        margin: as of `reproduce`.
    """
    known = () if official is None else (official,)
    other = next((mark or "" for mark in fingerprints if mark not in known), official or "")
    try:
        return reproduce(
            scores, published, n_examples=n_examples, fingerprint=other, official=known, margin=margin
        ).sentence
    except ValueError as error:
        return f"Not compared: {error}."
