"""Seeds and examples in one interval: the parts of its variance, its limits, and its coverage in a few cells."""

import numpy as np
import pytest
from scipy import stats

from engine.evidence.joint import compare_counts, compare_means
from engine.evidence.mean_difference import mean_difference_interval
from engine.evidence.paired import class_counts, macro_f1_of_counts, mcnemar_p


def runs(rng, n, seeds, level, *, seed_sd=0.0, hard=0.5):
    """Right and wrong answers (n, seeds): an example is easy for all seeds or hard for all of them."""
    levels = level + rng.normal(0, seed_sd, seeds) if seed_sd else np.full(seeds, level)
    shift = rng.choice([-hard, hard], (n, 1)) * min(level, 1 - level)
    return (rng.random((n, seeds)) < levels + shift).astype(float)


def test_one_seed_a_side_speaks_of_these_weights_only():
    rng = np.random.default_rng(0)
    a, b = runs(rng, 300, 1, 0.6), runs(rng, 300, 1, 0.7)
    found = compare_means(a, b, paired=True)
    only_a, only_b = int((a > b).sum()), int((b > a).sum())
    assert found.again is None
    assert not found.speaks_of_training
    assert found.decisive == mean_difference_interval((b - a)[:, 0])
    assert found.p_value == mcnemar_p(only_a, only_b)
    assert found.test == "mid-p McNemar test"


def test_two_seeds_have_an_interval_that_nothing_rests_on():
    rng = np.random.default_rng(1)
    found = compare_means(runs(rng, 300, 2, 0.6), runs(rng, 300, 2, 0.7), paired=True)
    assert found.again.high - found.again.low > 0.1
    assert found.decisive == found.weights


def test_seeds_alone_remain_where_examples_are_many_and_examples_alone_where_seeds_agree():
    rng = np.random.default_rng(2)
    a, b = runs(rng, 60_000, 4, 0.6, seed_sd=0.03), runs(rng, 60_000, 4, 0.62, seed_sd=0.03)
    found, theirs = compare_means(a, b, paired=True), stats.ttest_rel(b.mean(axis=0), a.mean(axis=0))
    bounds = theirs.confidence_interval()
    assert (found.again.low, found.again.high) == pytest.approx((bounds.low, bounds.high), abs=0.001)
    assert found.p_value == pytest.approx(theirs.pvalue, abs=0.005)
    same = np.repeat(runs(rng, 500, 1, 0.6), 3, axis=1), np.repeat(runs(rng, 500, 1, 0.62), 3, axis=1)
    agreed = compare_means(*same, paired=True)
    assert agreed.again[:3] == pytest.approx(agreed.weights[:3], abs=1e-8)
    assert agreed.again_p == pytest.approx(agreed.weights_p, rel=0.01)


def test_equal_answers_are_no_certainty():
    right = runs(np.random.default_rng(3), 80, 3, 0.6)
    found = compare_means(right, right, paired=True)
    assert (found.again.value, found.p_value) == (0.0, 1.0)
    assert found.again.low < -0.03
    assert found.again.high > 0.03


def test_unpaired_sides_may_differ_in_seeds():
    rng = np.random.default_rng(4)
    a, b = runs(rng, 4000, 5, 0.6, seed_sd=0.01), runs(rng, 4000, 3, 0.6, seed_sd=0.01)
    found = compare_means(a, b, paired=False)
    assert found.seeds == (5, 3)
    assert found.again.low < found.weights.low < found.weights.high < found.again.high
    assert found.again.value == pytest.approx(b.mean() - a.mean())


def test_components_of_a_crossed_table_are_found():
    rng = np.random.default_rng(5)
    gap = 0.02 + rng.normal(0, 0.02, 60) + rng.normal(0, 0.1, (3000, 1)) + rng.normal(0, 0.2, (3000, 60))
    found = compare_means(np.full(gap.shape, 2.0), 2 + gap, paired=True, bound=10).components
    expected = (0.02**2, 0.1**2, 0.2**2)
    assert (found.seed, found.example, found.residual) == pytest.approx(expected, rel=0.3)


def test_it_keeps_its_level_and_agrees_with_its_interval():
    """Three seeds a side; coverage is tested with the table of `python -m jobs.benchmark --suite evidence`."""
    rng, found, inside, trials = np.random.default_rng(6), 0, 0, 40
    n, seed_sd = 50, 0.02
    for _ in range(trials):
        result = compare_means(
            runs(rng, n, 3, 0.7, seed_sd=seed_sd), runs(rng, n, 3, 0.7, seed_sd=seed_sd), paired=True
        )
        found += result.again_p < 0.05
        inside += result.again.low <= 0 <= result.again.high
    assert stats.binomtest(found, trials, 0.06, alternative="greater").pvalue > 0.01
    assert found == trials - inside


def test_macro_f1_is_that_of_each_seed_with_its_spread():
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 4, 500)

    def side(share):
        answers = [np.where(rng.random(500) < share, labels, rng.integers(0, 4, 500)) for _ in range(3)]
        return [class_counts(labels, preds, n_classes=4) for preds in answers]

    a, b = side(0.5), side(0.7)
    found = compare_counts(a, b, macro_f1_of_counts, paired=True)
    of = [np.mean([macro_f1_of_counts(counts.sum(axis=0)[None])[0] for counts in side]) for side in (a, b)]
    assert found.again.value == pytest.approx(of[1] - of[0])
    assert found.p_value < 0.05
    assert found.test == "seeds and examples together"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a: compare_means(a, a[:2], paired=True), "the same examples, got 3 and 2 rows"),
        (lambda a: compare_means(a, a[:, :1], paired=True), "one run of each a side, got 2 and 1"),
        (lambda a: compare_means(a[:, 0], a[:, 0], paired=True), r"shape \(n, seeds\), got \(3,\)"),
        (lambda a: compare_means(a + 1, a, paired=True), r"lie in \[0, 1\], got 0..2"),
        (lambda a: compare_means(a, a, paired=True, confidence=95), "strictly between 0 and 1, got 95"),
        (lambda a: compare_counts([], [a], macro_f1_of_counts, paired=False), "need counts of the same examples"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.array([[0.0, 1.0], [1.0, 1.0], [0.0, 0.0]]))


def test_an_interval_stays_inside_what_a_difference_of_scores_can_be():
    """Pseudo-values of macro F1 on two examples reach far beyond 1; the difference cannot."""
    labels = [0, 1]
    counts = [[class_counts(labels, preds, n_classes=2)] for preds in ([0, 0], [0, 1])]
    found = compare_counts(*counts, macro_f1_of_counts, paired=True).weights
    assert -1 <= found.low < -0.9
    assert found.high <= 1
    assert found.value == pytest.approx(2 / 3)
