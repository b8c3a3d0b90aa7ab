"""Macro F1 is no mean over examples: its tests and intervals do what they claim on simulated classifiers.

The classes are unequal (half, a third, a sixth), so that macro F1 and accuracy part ways. Every share below is the
outcome of independent trials, held against the binomial law of a method that keeps its promise, and against one that
breaks it.
"""

import numpy as np
import pytest
from scipy import stats

from engine.evidence.joint import compare_counts, pseudo_values
from engine.evidence.paired import class_counts, macro_f1_of_counts
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


def compared(rng, skill_a, skill_b, n):
    """One run of each on n examples, compared on macro F1."""
    labels = rng.choice(CLASSES, n, p=PRIOR)
    a, b = (counts(labels, answers(rng, labels, classifier(skill))) for skill in (skill_a, skill_b))
    return compare_counts([a], [b], macro_f1_of_counts, paired=True)


def test_the_test_keeps_its_level_and_finds_a_real_difference():
    rng = np.random.default_rng(11)
    assert keeps(sum(compared(rng, 0.6, 0.6, 240).weights_p < 0.05 for _ in range(80)), 80, 0.05)
    found = sum(compared(rng, 0.5, 0.7, 240).weights_p < 0.05 for _ in range(20))
    assert found >= 12


@pytest.mark.parametrize("n", [60, pytest.param(600, marks=pytest.mark.slow)])
def test_the_interval_covers_the_true_difference(n):
    rng, inside, narrower = np.random.default_rng(13), 0, 0
    true = true_macro_f1(classifier(0.65)) - true_macro_f1(classifier(0.55))
    for _ in range(100):
        found = compared(rng, 0.55, 0.65, n).weights
        inside += found.low <= true <= found.high
        narrower += abs(found.value - true) <= (found.high - found.low) / 4  # an interval of half that width
    assert keeps(inside, 100, 0.95)
    assert not keeps(narrower, 100, 0.95)


def test_pseudo_values_have_the_metric_as_their_mean_but_for_its_bias():
    rng = np.random.default_rng(2)
    labels = rng.choice(CLASSES, 400, p=PRIOR)
    found = counts(labels, answers(rng, labels, classifier(0.6)))
    values, value = pseudo_values(found, macro_f1_of_counts)
    left_out = macro_f1_of_counts(found.sum(axis=0) - found[:1])[0]
    assert values[0] == pytest.approx(400 * value - 399 * left_out, abs=0.01)
    assert values.mean() == pytest.approx(value, abs=0.005)


def test_a_class_does_not_vanish_with_its_only_example():
    labels = np.array([0] * 9 + [1])
    values, value = pseudo_values(counts(labels, labels), macro_f1_of_counts)
    assert value == 1
    assert values == pytest.approx(np.ones(10))
    wrong = pseudo_values(counts(labels, np.zeros(10, dtype=int)), macro_f1_of_counts)[0]
    assert wrong[-1] == pytest.approx(wrong[0], abs=0.6)  # macro F1 would double if the class were gone: 5 apart


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


@pytest.mark.parametrize("paired", [True, pytest.param(False, marks=pytest.mark.slow)])
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
