"""Paired counts and tests against statsmodels, scipy and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import f1_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from engine.evidence.paired import class_counts, discordance, holm, macro_f1_of_counts, mcnemar_p


def two_systems(rng, n, *, only_a, only_b):
    """Correctness of two systems whose discordant rates are given; both right on half of the rest."""
    cell = rng.choice(4, size=n, p=[only_a, only_b, (1 - only_a - only_b) / 2, (1 - only_a - only_b) / 2])
    return (cell == 0) | (cell == 2), (cell == 1) | (cell == 2)


@given(st.integers(0, 300), st.integers(0, 300))
def test_mid_p_is_the_exact_test_with_the_observed_outcome_counted_half(only_a, only_b):
    exact = mcnemar([[10, only_a], [only_b, 10]], exact=True).pvalue
    observed = stats.binom.pmf(only_a, only_a + only_b, 0.5)
    expected = 1.0 if only_a == only_b else exact - observed
    assert mcnemar_p(only_a, only_b) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("n", "differing"), [(50, 0.02), (50, 0.1), (50, 0.3), (200, 0.02), (200, 0.1)])
def test_mid_p_keeps_its_level_where_the_exact_test_hardly_ever_rejects(n, differing):
    """Two equal systems that differ on a share of n examples; exact sums over the outcomes."""
    level = {"mid-p": 0.0, "exact": 0.0}
    for found in range(int(stats.binom.ppf(1 - 1e-9, n, differing)) + 1):
        chances = stats.binom.pmf(np.arange(found + 1), found, 0.5)
        values = np.array([mcnemar_p(a, found - a) for a in range(found + 1)])
        fewer = np.minimum(np.arange(found + 1), found - np.arange(found + 1))
        exact = 2 * stats.binom.cdf(fewer, found, 0.5)
        weight = stats.binom.pmf(found, n, differing)
        level["mid-p"] += weight * (chances @ (values < 0.05))
        level["exact"] += weight * (chances @ (exact < 0.05))
    assert level["exact"] <= level["mid-p"] <= 0.06
    assert level["exact"] < 0.04


def test_discordance_counts_the_four_outcomes():
    a, b = two_systems(np.random.default_rng(0), 2000, only_a=0.05, only_b=0.08)
    table = discordance(a, b)
    assert (table.both_right, table.only_a) == ((a & b).sum(), (a & ~b).sum())
    assert table.n == 2000


def test_class_counts_give_sklearns_macro_f1():
    rng = np.random.default_rng(6)
    labels, preds = rng.integers(0, 5, 300), rng.integers(0, 5, 300)
    counts = class_counts(labels, preds, n_classes=7)  # classes 5 and 6 never occur
    assert macro_f1_of_counts(counts.sum(axis=0)[None])[0] == pytest.approx(f1_score(labels, preds, average="macro"))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_is_statsmodels_holm(p_values):
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: discordance([0.5], [1]), "only right"),
        (lambda: discordance([1, 0], [1]), r"paired, got shapes \(2,\) and \(1,\)"),
        (lambda: discordance([1.0, np.nan], [1, 0]), r"scores of A must be finite, got nan"),
        (lambda: mcnemar_p(-1, 2), "only_a must be a whole number, 0 or more, got -1"),
        (lambda: holm([0.2, 1.3]), r"numbers in \[0, 1\]"),
        (lambda: class_counts([0, 3], [0, 1], n_classes=3), r"labels must lie in 0..2, got 0..3"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("labels", [[0.5, 1], [float("nan"), 1], [True, "a"]])
def test_classes_that_are_no_whole_numbers_are_refused(labels):
    with pytest.raises(ValueError, match="labels must"):
        class_counts(labels, [0, 1], n_classes=2)
