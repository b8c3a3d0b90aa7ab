"""Paired tests against statsmodels and scipy, closed forms, and simulated coverage and error rates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import f1_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from engine.evidence.paired import (
    _resampled_sums,
    _swapped_sums,
    class_counts,
    discordance,
    holm,
    macro_f1_of_counts,
    mcnemar_exact,
    mcnemar_p,
    paired_bootstrap,
    paired_bootstrap_counts,
    permutation_test,
    permutation_test_counts,
)


def two_systems(rng, n, *, only_a, only_b):
    """Correctness of two systems whose discordant rates are given; both right on half of the rest."""
    cell = rng.choice(4, size=n, p=[only_a, only_b, (1 - only_a - only_b) / 2, (1 - only_a - only_b) / 2])
    return (cell == 0) | (cell == 2), (cell == 1) | (cell == 2)


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_statsmodels_exact(only_a, only_b):
    expected = mcnemar([[10, only_a], [only_b, 10]], exact=True).pvalue
    assert mcnemar_p(only_a, only_b) == pytest.approx(expected, abs=1e-12)


def test_mcnemar_reads_the_discordant_examples():
    a, b = two_systems(np.random.default_rng(0), 2000, only_a=0.05, only_b=0.08)
    table = discordance(a, b)
    assert (table.both_right, table.only_a) == ((a & b).sum(), (a & ~b).sum())
    assert table.n == 2000
    assert mcnemar_exact(a, b) == pytest.approx(stats.binomtest(table.only_a, table.only_a + table.only_b).pvalue)
    assert mcnemar_exact(a, a) == 1.0


def test_paired_bootstrap_covers_what_it_claims():
    rng, inside = np.random.default_rng(1), 0
    for _ in range(500):
        a, b = two_systems(rng, 800, only_a=0.04, only_b=0.07)
        interval = paired_bootstrap(a, b, rng=rng, resamples=500)
        inside += interval.low <= 0.03 <= interval.high
    assert inside / 500 == pytest.approx(0.95, abs=0.03)


def test_paired_bootstrap_agrees_with_scipy_on_real_valued_scores():
    rng = np.random.default_rng(2)
    a = rng.random(200)
    b = a + rng.normal(0.02, 0.1, 200)
    ours = paired_bootstrap(a, b, rng=rng, resamples=5000)
    theirs = stats.bootstrap((b - a,), np.mean, n_resamples=5000, method="percentile", rng=rng).confidence_interval
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs), abs=0.003)


def test_identical_systems_differ_by_exactly_nothing():
    right = np.random.default_rng(3).random(100) < 0.5
    assert paired_bootstrap(right, right, rng=np.random.default_rng(0))[:3] == (0, 0, 0)


def test_permutation_test_of_a_mean_is_scipys():
    rng = np.random.default_rng(4)
    a, b = rng.random(30), rng.random(30) + 0.12
    ours = permutation_test(a, b, np.mean, rng=rng, resamples=4000)
    theirs = stats.permutation_test(
        (a, b), lambda x, y: y.mean() - x.mean(), permutation_type="samples", n_resamples=4000, rng=rng
    )
    assert ours.difference == pytest.approx(theirs.statistic)
    assert ours.p_value == pytest.approx(theirs.pvalue, abs=0.03)


def test_permutation_test_sees_a_better_ranking():
    rng = np.random.default_rng(5)
    truth = rng.normal(size=150)
    noisy, good = truth + rng.normal(0, 3, 150), truth + rng.normal(0, 0.5, 150)

    def spearman(outputs):
        return stats.spearmanr(outputs, truth).statistic

    assert permutation_test(noisy, good, spearman, rng=rng, resamples=200).p_value < 0.01
    same = permutation_test(good, good, spearman, rng=rng, resamples=200)
    assert (same.difference, same.p_value) == (0.0, 1.0)


def test_class_counts_give_sklearns_macro_f1():
    rng = np.random.default_rng(6)
    labels, preds = rng.integers(0, 5, 300), rng.integers(0, 5, 300)
    counts = class_counts(labels, preds, n_classes=7)  # classes 5 and 6 never occur
    assert macro_f1_of_counts(counts.sum(axis=0)[None])[0] == pytest.approx(f1_score(labels, preds, average="macro"))


def test_count_tests_agree_with_the_general_ones():
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 3, 250)
    a = np.where(rng.random(250) < 0.55, labels, rng.integers(0, 3, 250))
    b = np.where(rng.random(250) < 0.70, labels, rng.integers(0, 3, 250))
    counts_a, counts_b = (class_counts(labels, preds, n_classes=3) for preds in (a, b))

    def macro(preds):
        return macro_f1_of_counts(class_counts(labels, preds, n_classes=3).sum(axis=0)[None])[0]

    fast = permutation_test_counts(counts_a, counts_b, macro_f1_of_counts, rng=rng, resamples=4000)
    slow = permutation_test(a, b, macro, rng=rng, resamples=600)
    assert fast.difference == pytest.approx(slow.difference)
    assert fast.p_value == pytest.approx(slow.p_value, abs=0.04)
    interval = paired_bootstrap_counts(counts_a, counts_b, macro_f1_of_counts, rng=rng, resamples=2000)
    picks = [rng.integers(0, 250, 250) for _ in range(600)]
    draws = [f1_score(labels[i], b[i], average="macro") - f1_score(labels[i], a[i], average="macro") for i in picks]
    assert interval.value == pytest.approx(slow.difference)
    assert (interval.low, interval.high) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])), abs=0.02)


def test_permutation_test_keeps_its_error_rate():
    rng, rejected = np.random.default_rng(8), 0
    for _ in range(300):
        labels = rng.integers(0, 3, 120)
        a, b = (np.where(rng.random(120) < 0.6, labels, rng.integers(0, 3, 120)) for _ in "ab")
        result = permutation_test_counts(
            class_counts(labels, a, n_classes=3),
            class_counts(labels, b, n_classes=3),
            macro_f1_of_counts,
            rng=rng,
            resamples=300,
        )
        rejected += result.p_value < 0.05
    assert rejected / 300 < 0.09


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_is_statsmodels_holm(p_values):
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rng: paired_bootstrap([1, 0], [1], rng=rng), r"paired, got shapes \(2,\) and \(1,\)"),
        (lambda rng: paired_bootstrap([1.0, np.nan], [1, 0], rng=rng), r"scores of A must be finite, got nan"),
        (lambda rng: mcnemar_exact([0.5], [1]), "only right"),
        (lambda rng: mcnemar_p(-1, 2), "not be negative, got -1 and 2"),
        (lambda rng: holm([0.2, 1.3]), r"numbers in \[0, 1\]"),
        (lambda rng: class_counts([0, 3], [0, 1], n_classes=3), r"labels must lie in 0..2, got 0..3"),
        (lambda rng: permutation_test([1], [1, 2], np.mean, rng=rng), r"one shape \(n, ...\), got \(1,\) and \(2,\)"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.random.default_rng(0))


@pytest.mark.parametrize("distinct", [3, 400])
def test_resampled_and_swapped_sums_have_the_moments_of_their_laws(distinct):
    """Few kinds of rows are drawn by kind, many row by row; both have the mean and covariance that theory gives."""
    rng = np.random.default_rng(3)
    rows = rng.integers(0, 4, (distinct, 2))[rng.integers(0, distinct, 400)].astype(float)
    rows[0, 0] += 0.0 if distinct == 3 else 0.25  # no integers: sums stay in float64
    draws = np.concatenate(list(_resampled_sums(rows, rng=rng, resamples=20_000)))
    assert draws.shape == (20_000, 2)
    assert draws.mean(axis=0) == pytest.approx(rows.sum(axis=0), rel=0.005)
    assert np.cov(draws.T) == pytest.approx(len(rows) * np.cov(rows.T, ddof=0), rel=0.06, abs=12)
    moved = np.concatenate(list(_swapped_sums(rows, rng=rng, resamples=20_000)))
    assert moved.mean(axis=0) == pytest.approx(rows.sum(axis=0) / 2, rel=0.005)
    assert np.cov(moved.T) == pytest.approx(rows.T @ rows / 4, rel=0.06, abs=12)
