"""Macro F1 is no mean over examples: its tests and intervals do what they claim on simulated classifiers.

The classes are unequal (half, a third, a sixth), so that macro F1 and accuracy part ways. Every share below is the
outcome of independent trials, held against the binomial law of a method that keeps its promise, and against one that
breaks it.
"""

import numpy as np
import pytest
from scipy import stats

from engine.evidence.paired import class_counts, macro_f1_of_counts, paired_bootstrap_counts, permutation_test_counts
from engine.evidence.seeds import compare_seeds

PRIOR = np.array([1 / 2, 1 / 3, 1 / 6])
CLASSES = len(PRIOR)


def classifier(skill):
    """Row y: the chances of each answer to an example of class y; rarer classes are harder."""
    right = skill * np.array([1.0, 0.85, 0.6])[:, None]
    return right * np.eye(CLASSES) + (1 - right) * PRIOR


def answers(rng, labels, chances):
    """One answer an example, (n,)."""
    return (rng.random((len(labels), 1)) > np.cumsum(chances[labels], axis=1)[:, :-1]).sum(axis=1)


def counts(labels, preds):
    return class_counts(labels, preds, n_classes=CLASSES)


def true_macro_f1(chances):
    """Macro F1 on infinitely many examples."""
    joint = PRIOR[:, None] * chances
    return float((2 * np.diag(joint) / (joint.sum(axis=0) + joint.sum(axis=1))).mean())


def keeps(hits, trials, rate):
    """Whether so many hits are no surprise (one in a thousand) where each trial hits with probability `rate`."""
    return stats.binomtest(hits, trials, rate).pvalue > 1e-3


def rejections(rng, skill_a, skill_b, *, trials, n=240):
    """How often the paired permutation test finds a difference at the level of 10 %."""
    found = 0
    for _ in range(trials):
        labels = rng.choice(CLASSES, n, p=PRIOR)
        a, b = (counts(labels, answers(rng, labels, classifier(skill))) for skill in (skill_a, skill_b))
        found += permutation_test_counts(a, b, macro_f1_of_counts, rng=rng, resamples=199).p_value <= 0.1
    return found


def test_permutation_test_rejects_a_true_null_as_often_as_it_says():
    hits = rejections(np.random.default_rng(11), 0.6, 0.6, trials=400)
    assert keeps(hits, 400, 0.1)


def test_permutation_test_finds_a_real_difference():
    hits = rejections(np.random.default_rng(12), 0.5, 0.7, trials=60)
    assert hits >= 40
    assert not keeps(hits, 60, 0.1)


def test_bootstrap_of_the_paired_difference_covers_the_true_one():
    rng, inside, narrower = np.random.default_rng(13), 0, 0
    a, b = classifier(0.55), classifier(0.65)
    true = true_macro_f1(b) - true_macro_f1(a)
    for _ in range(300):
        labels = rng.choice(CLASSES, 600, p=PRIOR)
        sides = [counts(labels, answers(rng, labels, chances)) for chances in (a, b)]
        found = paired_bootstrap_counts(*sides, macro_f1_of_counts, rng=rng, resamples=300)
        inside += found.low <= true <= found.high
        narrower += abs(found.value - true) <= (found.high - found.low) / 4  # an interval of half that width
    assert keeps(inside, 300, 0.95)
    assert not keeps(narrower, 300, 0.95)


def seed_scores(rng, labels, skill, runs):
    """Macro F1 of several seeds on one dev set: each seed has a skill of its own."""
    preds = [answers(rng, labels, classifier(skill + 0.04 * rng.standard_normal())) for _ in range(runs)]
    return macro_f1_of_counts(np.array([counts(labels, pred).sum(axis=0, dtype=np.int64) for pred in preds]))


@pytest.fixture(scope="module")
def many_seeds():
    """Scores of 1,000 seeds of two configurations on one dev set."""
    rng = np.random.default_rng(14)
    labels = rng.choice(CLASSES, 150, p=PRIOR)
    return tuple(seed_scores(rng, labels, skill, 1000) for skill in (0.55, 0.62))


@pytest.mark.parametrize("paired", [True, False])
def test_comparison_over_seeds_keeps_its_level_and_covers(paired, many_seeds):
    rng, (many_a, many_b) = np.random.default_rng(15), many_seeds
    true = many_b.mean() - many_a.mean()
    rejected = inside = 0
    for _ in range(1000):
        first, second, better = (rng.choice(scores, 4) for scores in (many_a, many_a, many_b))
        rejected += compare_seeds(first, second, paired=paired).p_value <= 0.1
        found = compare_seeds(first, better, paired=paired).difference
        inside += found.low <= true <= found.high
    assert keeps(rejected, 1000, 0.1)
    assert keeps(inside, 1000, 0.95)
