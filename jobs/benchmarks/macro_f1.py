"""The interval of a difference of macro F1, which is no mean over examples, on few examples of many classes.

Its half-width stands beside what no method can go below by much: 1.96 standard deviations of the difference itself over
many sets of examples.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtrit

from engine.evidence.joint import compare_counts, pseudo_values
from engine.evidence.mean_difference import score_variance, tally
from engine.evidence.paired import class_counts, macro_f1_of_counts

WIDTHS = 40


@dataclass(frozen=True, slots=True)
class Case:
    """Two classifiers: how often each knows the answer to the commonest class; the rarest is known 0.6 as often."""

    classes: int
    examples: int
    skill_a: float
    skill_b: float
    alike: float = 0.0  # share of the answers that B takes from A


CASES = (
    Case(15, 50, 0.55, 0.65),
    Case(15, 50, 0.6, 0.6, alike=0.6),
    Case(7, 50, 0.7, 0.8),
    Case(3, 50, 0.8, 0.9),
    Case(15, 200, 0.55, 0.65),
    Case(15, 1000, 0.55, 0.65),
)

measured: dict[Case, tuple[float, float, float]] = {}
"""coverage, half-width and 1.96 standard deviations, as the last call of `rows` found them"""


def rows(repeats: int) -> Iterator[dict[str, Any]]:
    """Simulate every case and yield its figures."""
    measured.clear()
    for case in CASES:
        measured[case] = covered, half, spread = measure(case, repeats=repeats)
        name = f"macro F1, {case.classes} classes, {case.examples:,} examples, skill {case.skill_a} and {case.skill_b}"
        yield {"name": name, "value": 100 * covered, "unit": "% covered", "bar": ">= 94"}
        yield {"name": "  half-width / 1.96 sd of the difference", "value": half, "unit": "points",
               "ratio": half / spread}  # fmt: skip


def table() -> list[str]:
    """The last figures as lines of Markdown."""
    lines = ["| classes | examples | skill of A, B | covered | half-width | 1.96 sd |", "|---|---|---|---|---|---|"]
    for case, (covered, half, spread) in measured.items():
        skills = f"{case.skill_a}, {case.skill_b}" + (f" ({100 * case.alike:g} % alike)" if case.alike else "")
        figures = f"{100 * covered:.1f} | {half:.1f} | {spread:.1f}"
        lines.append(f"| {case.classes} | {case.examples:,} | {skills} | {figures} |")
    return lines


def measure(case: Case, *, repeats: int, seed: int = 0) -> tuple[float, float, float]:
    """Coverage, mean half-width and 1.96 standard deviations of the difference, the last two in points."""
    rng, found, kept, halves = np.random.default_rng(seed), [], [], []
    true = true_macro_f1(case, case.skill_b) - true_macro_f1(case, case.skill_a)
    for repeat in range(repeats):
        a, b = draw(rng, case)
        value, inside = covers(a, b, true)
        found.append(value)
        kept.append(inside)
        if repeat < WIDTHS:
            interval = compare_counts([a], [b], macro_f1_of_counts, paired=True).weights
            halves.append(50 * (interval.high - interval.low))
    return float(np.mean(kept)), float(np.mean(halves)), 196 * float(np.std(found))


def covers(a: np.ndarray, b: np.ndarray, true: float) -> tuple[float, bool]:
    """The difference of two runs, and whether its interval holds `true`: what `compare_counts` does, at one point."""
    (of_a, score_a), (of_b, score_b) = (pseudo_values(counts, macro_f1_of_counts) for counts in (a, b))
    value, gaps = score_b - score_a, of_b - of_a
    gaps += value - gaps.mean()
    bound = max(1.0, float(np.abs(gaps).max()))
    values, counts, n = tally(gaps, bound=bound)
    allowed = stdtrit(n - 1, 0.975) ** 2 * score_variance(values, counts, true, bound=bound)
    return value, bool((value - true) ** 2 <= allowed)


def draw(rng: np.random.Generator, case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Counts of A and of B on one set of examples."""
    labels = rng.choice(case.classes, case.examples, p=_prior(case.classes))
    a, b = (_answers(rng, labels, _chances(case, skill)) for skill in (case.skill_a, case.skill_b))
    b = np.where(rng.random(case.examples) < case.alike, a, b)
    return class_counts(labels, a, n_classes=case.classes), class_counts(labels, b, n_classes=case.classes)


def true_macro_f1(case: Case, skill: float) -> float:
    """Macro F1 on infinitely many examples."""
    joint = _prior(case.classes)[:, None] * _chances(case, skill)
    return float((2 * np.diag(joint) / (joint.sum(axis=0) + joint.sum(axis=1))).mean())


def _prior(classes: int) -> np.ndarray:
    shares = np.arange(1, classes + 1) ** -0.7
    return np.asarray(shares / shares.sum())


def _chances(case: Case, skill: float) -> np.ndarray:
    """Row y: the chances of each answer to an example of class y."""
    known = skill * np.linspace(1, 0.6, case.classes)[:, None]
    return np.asarray(known * np.eye(case.classes) + (1 - known) * _prior(case.classes))


def _answers(rng: np.random.Generator, labels: np.ndarray, chances: np.ndarray) -> np.ndarray:
    bounds = np.cumsum(chances[labels], axis=1)[:, :-1]
    return np.asarray((rng.random((len(labels), 1)) > bounds).sum(axis=1))
