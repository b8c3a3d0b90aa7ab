"""Which of several candidates is best, looked at after every round of seeds, with as few trainings as it takes.

Candidates that are compared are trained with the same seeds. After each look those that are worse beyond doubt are
dropped, and the next seeds go where they decide something: to the leader and to those that may still beat it by more
than what the reader cares about. The search stops when there is none of them. When another candidate takes the lead,
those that were settled against the old leader are trained up to the same seeds and compared with the new one.

Looking again and again would find a false winner sooner or later. The level `alpha` is therefore spent over the
planned looks by a spending function (Lan & DeMets, 1983, Biometrika 70), here the linear one, `alpha s / S` after s of
S seeds (Kim & DeMets, 1987, Biometrika 74): the first look, at three seeds, spends three shares, each later one a
share. What a look may spend is divided among the comparisons (Bonferroni), and the looks are added up (a union bound,
which holds however they depend on each other).

The promise: with probability `1 - alpha`, at every look, no upper bound of "the truly best candidate minus the leader"
is too low. A best candidate that is dropped, and a leader that is called best but is worse by more than `within`, are
both such a miss; only the m - 1 comparisons with the truly best candidate can make it, so alpha is divided by m - 1.
"""

from collections.abc import Container, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from engine.arrays import number, whole_number
from engine.evidence.intervals import check_confidence, check_sample
from engine.evidence.joint import LEAST_SEEDS, compare_means
from engine.evidence.seeds import compare_seeds

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is fixed before the first look: it decides what each look may spend."""

    candidates: int
    seeds: int
    level: float = 0.05
    """chance that the conclusion is wrong, over all looks together"""

    def __post_init__(self) -> None:
        check_confidence(1 - number(self.level, name="level"))
        whole_number(self.candidates, name="candidates")
        whole_number(self.seeds, name="seeds")
        if self.candidates < 2:
            raise ValueError(f"at least 2 candidates can be compared, got {self.candidates}")
        if self.seeds < LEAST_SEEDS:
            raise ValueError(f"at least {LEAST_SEEDS} seeds are needed, got {self.seeds}")

    def spent_at(self, seeds: int) -> float:
        """One-sided level of each comparison at the look after so many seeds."""
        seeds = whole_number(seeds, name="seeds", low=1)
        if not LEAST_SEEDS <= seeds <= self.seeds:
            raise ValueError(f"looks are planned after {LEAST_SEEDS} to {self.seeds} seeds, got {seeds}")
        shares = LEAST_SEEDS if seeds == LEAST_SEEDS else 1
        return self.level * shares / self.seeds / (self.candidates - 1)


@dataclass(frozen=True, slots=True)
class Look(Generic[Name]):
    """What one look shows."""

    leader: Name
    at_most: dict[Name, float]
    """rival -> upper bound of its mean minus the leader's"""
    worse: tuple[Name, ...]
    """rivals that are worse beyond doubt"""
    contested: tuple[Name, ...]
    """rivals that may still beat the leader by more than `within`"""


@dataclass(slots=True)
class Race(Generic[Name]):
    """The candidates on their way through the looks."""

    alive: list[Name]
    """those that are not dropped"""
    plan: Plan
    within: float
    """difference that is not worth a further training, in the scores' unit"""
    contested: list[Name] = field(default_factory=list)
    """those that the next seeds go to, the leader among them"""
    leader: Name | None = None
    at_most: dict[Name, float] = field(default_factory=dict)
    """rival -> upper bound of its mean minus the leader's, from the last look at it"""

    def __post_init__(self) -> None:
        self.contested = self.contested or list(self.alive)

    @property
    def decided(self) -> bool:
        """Whether no rival left can beat the leader by more than `within`."""
        return self.leader is not None and self.contested == [self.leader]

    @property
    def gap(self) -> float:
        """Largest amount by which a rival may still beat the leader; 0 where none may."""
        return max([0.0, *(bound for name, bound in self.at_most.items() if name in self.alive)])

    def leave_out(self, failed: Container[Name]) -> None:
        """Go on without candidates that have no score; all others are compared again where too few are left."""
        self.alive = [name for name in self.alive if name not in failed]
        self.contested = [name for name in self.contested if name not in failed]
        if len(self.contested) < 2:
            self.contested = list(self.alive)

    def look(self, scores: Mapping[Name, ArrayLike]) -> tuple[Name, ...]:
        """Compare the contested candidates; returns those that are dropped.

        Where another candidate leads than before, `contested` are all that are left, and the look has to be repeated
        with the scores of all of them under the same seeds.

        Raises:
            ValueError: as `look` does.
        """
        seen = look(scores, plan=self.plan, within=self.within)
        overtaken = seen.leader != self.leader and len(self.contested) < len(self.alive)
        self.alive = [name for name in self.alive if name not in seen.worse]
        kept = self.at_most if seen.leader == self.leader else {}
        self.leader, self.at_most = seen.leader, {**kept, **seen.at_most}
        if overtaken:
            self.contested = list(self.alive)
        else:
            self.contested = [name for name in self.alive if name == seen.leader or name in seen.contested]
        return seen.worse


def look(scores: Mapping[Name, ArrayLike], *, plan: Plan, within: float) -> Look[Name]:
    """Compare the candidates that are left after a round of seeds.

    Args:
        scores: candidate -> (n, s) score in [0, 1] of each example under each seed, the same examples and seeds for
            all, or (s,) one score a seed where the answers are not known. Higher is better.
        plan: what was fixed before the first look.
        within: difference that is not worth a further training, in the scores' unit.

    Raises:
        ValueError: if the arrays differ in shape, or the plan has no such look.
    """
    if not within >= 0:
        raise ValueError(f"within must be 0 or more, got {within}")
    arrays = {name: check_sample(values, name=f"scores of {name}") for name, values in scores.items()}
    shapes = {array.shape for array in arrays.values()}
    if len(shapes) != 1:
        raise ValueError(f"all candidates need the same examples and seeds, got shapes {sorted(shapes)}")
    level = plan.spent_at(shapes.pop()[-1])
    leader = max(arrays, key=lambda name: float(arrays[name].mean()))
    at_most = {
        name: _upper_bound(arrays[leader], values, level=level) for name, values in arrays.items() if name != leader
    }
    worse = tuple(name for name, bound in at_most.items() if bound < 0)
    return Look(leader, at_most, worse, tuple(name for name, bound in at_most.items() if bound > within))


def _upper_bound(leader: np.ndarray, rival: np.ndarray, *, level: float) -> float:
    """Upper bound of the rival's mean minus the leader's at a one-sided level; infinite where seeds cannot say."""
    confidence = 1 - 2 * level
    if leader.ndim == 1:
        high = compare_seeds(leader, rival, paired=True, confidence=confidence).difference.high
        return float("inf") if np.isnan(high) else high
    again = compare_means(leader, rival, paired=True, confidence=confidence).again
    return float("inf") if again is None else again.high
