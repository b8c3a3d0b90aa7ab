"""Comparison over seeds, sample sizes, and the sentence that sums a comparison up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import TTestPower

from engine.evidence.intervals import Interval
from engine.evidence.paired import mcnemar_p
from engine.evidence.power import examples_needed, seed_power, seeds_needed
from engine.evidence.seeds import compare_seeds, probability_of_improvement, sign_flip_test
from engine.evidence.verdict import format_p, verdict


def test_paired_seeds_are_scipys_paired_t_test():
    rng = np.random.default_rng(0)
    a = rng.normal(0.60, 0.01, 6)
    b = a + rng.normal(0.01, 0.005, 6)
    ours, theirs = compare_seeds(a, b, paired=True, confidence=0.9), stats.ttest_rel(b, a)
    assert ours.p_value == pytest.approx(theirs.pvalue)
    bounds = theirs.confidence_interval(0.9)
    assert (ours.difference.low, ours.difference.high) == pytest.approx((bounds.low, bounds.high))


def test_unpaired_seeds_are_scipys_welch_test():
    rng = np.random.default_rng(1)
    a, b = rng.normal(0.60, 0.01, 4), rng.normal(0.61, 0.03, 9)
    ours, theirs = compare_seeds(a, b, paired=False), stats.ttest_ind(b, a, equal_var=False)
    assert ours.p_value == pytest.approx(theirs.pvalue)
    bounds = theirs.confidence_interval()
    assert (ours.difference.low, ours.difference.high) == pytest.approx((bounds.low, bounds.high))
    assert ours.sign_flip_p is None


def test_sign_flips_are_scipys_exact_permutations_and_three_seeds_never_pass():
    differences = np.random.default_rng(2).normal(0.4, 1, 8)
    theirs = stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip_test(differences) == pytest.approx(theirs.pvalue)
    assert sign_flip_test([0.01, 0.02, 0.03]) == 0.25


def test_many_seeds_are_sampled():
    differences = np.random.default_rng(3).normal(0.3, 1, 25)
    sampled = sign_flip_test(differences, rng=np.random.default_rng(0))
    assert sampled == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, abs=0.03)
    with pytest.raises(ValueError, match="25 differences are too many to enumerate: pass rng"):
        sign_flip_test(differences)


def test_one_seed_each_says_nothing_about_spread():
    result = compare_seeds([0.6], [0.7], paired=True)
    assert result.difference.value == pytest.approx(0.1)
    assert np.isnan([result.p_value, result.difference.low]).all()


def test_probability_of_improvement_is_the_mann_whitney_statistic():
    rng = np.random.default_rng(4)
    a, b = rng.integers(0, 6, 9), rng.integers(1, 7, 7)
    u = stats.mannwhitneyu(b, a).statistic
    assert probability_of_improvement(a, b).value == pytest.approx(u / 63)


@pytest.mark.parametrize(("seeds", "shift"), [(3, 0.0), (5, 0.0), (5, 1.0), (10, 2.0)])
def test_interval_of_the_probability_of_improvement_covers(seeds, shift):
    rng, truth, inside = np.random.default_rng(5), stats.norm.cdf(shift / np.sqrt(2)), 0
    for _ in range(400):
        interval = probability_of_improvement(rng.normal(0, 1, seeds), rng.normal(shift, 1, seeds))
        inside += interval.low <= truth <= interval.high
    assert inside / 400 >= 0.93  # few seeds are covered more often than claimed, never less


def test_three_clean_wins_leave_room_for_doubt():
    interval = probability_of_improvement([1, 2, 3], [4, 5, 6])
    assert interval.value == interval.high == 1
    assert 0.2 < interval.low < 0.6


def test_examples_needed_reach_the_power_they_claim():
    difference, disagreement = 0.02, 0.12
    n = examples_needed(difference, disagreement)
    rng = np.random.default_rng(6)
    cells = rng.multinomial(n, [0.05, 0.07, 0.88], size=2000)
    found = np.mean([mcnemar_p(int(a), int(b)) < 0.05 for a, b, _ in cells])
    assert found == pytest.approx(0.8, abs=0.03)


@given(st.floats(0.3, 3.0), st.floats(0.5, 0.95))
def test_seeds_needed_is_statsmodels_size_rounded_up(effect, power):
    n = seeds_needed(effect, 1.0, power=power)
    assert seed_power(n, effect) >= power
    assert n == 2 or seed_power(n - 1, effect) < power
    assert seed_power(n, effect) == pytest.approx(TTestPower().power(effect, n, 0.05), abs=1e-6)


def test_no_spread_needs_two_seeds():
    assert seeds_needed(0.01, 0.0) == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: examples_needed(0.0, 0.1), "must not be 0"),
        (lambda: examples_needed(0.2, 0.1), r"between \|difference\|=0.2 and 1, got 0.1"),
        (lambda: examples_needed(0.01, 0.1, power=1.0), "strictly between 0 and 1, got 1 and 0.05"),
        (lambda: seeds_needed(0.0, 0.1), "must not be 0"),
        (lambda: seeds_needed(0.1, -1), "not be negative, got -1"),
        (lambda: seeds_needed(1e-6, 1.0), "needs more than 100000 seeds"),
        (lambda: compare_seeds([0.1, 0.2], [0.1], paired=True), "the same seeds, got 2 and 1 scores"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_verdict_names_a_winner_and_turns_the_sign():
    text = verdict("A", "B", Interval(0.006, 0.001, 0.011, 4316), p_value=0.02)
    assert text == "B is better than A by 0.6 points of accuracy (95% 0.1 to 1.1, p = 0.02) on 4,316 examples."
    turned = verdict("A", "B", Interval(-0.006, -0.011, -0.001, 4316), p_value=0.02)
    assert turned == "A is better than B by 0.6 points of accuracy (95% 0.1 to 1.1, p = 0.02) on 4,316 examples."


def test_verdict_claims_nothing_that_either_test_denies():
    for interval, p in ((Interval(0.006, -0.001, 0.013, 900), 0.02), (Interval(0.006, 0.001, 0.011, 900), 0.07)):
        assert "no difference is shown" in verdict("A", "B", interval, p_value=p).lower()
    equal = verdict("A", "B", Interval(0.0, 0.0, 0.0, 900), p_value=1.0)
    assert equal == "B and A score the same accuracy on 900 examples."


def test_verdict_adds_what_the_seeds_say():
    clear = Interval(0.006, 0.001, 0.011, 4316)
    noisy = compare_seeds([0.60, 0.62, 0.61], [0.61, 0.61, 0.62], paired=True)
    assert "over 3 seeds the difference is within noise (+0.3 points" in verdict(
        "A", "B", clear, p_value=0.02, seeds=noisy
    )
    sure = compare_seeds([0.60, 0.62, 0.61], [0.65, 0.671, 0.66], paired=True)
    assert "over 3 seeds B stays ahead" in verdict("A", "B", clear, p_value=0.02, seeds=sure)
    one = compare_seeds([0.6], [0.7], paired=True)
    assert "says nothing about the spread" in verdict("A", "B", clear, p_value=0.02, seeds=one)


def test_p_is_written_briefly():
    assert [format_p(p) for p in (0.0312, 1e-9, float("nan"))] == ["p = 0.031", "p < 0.001", "p unknown"]
