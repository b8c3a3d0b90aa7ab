"""Comparison over seeds, sample sizes, and the sentence that sums a comparison up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import TTestPower

from engine.evidence.intervals import Interval
from engine.evidence.joint import Components, _spread, compare_means, tolerance
from engine.evidence.mean_difference import mean_difference_p, score_variance
from engine.evidence.paired import mcnemar_p
from engine.evidence.power import (
    examples_needed,
    examples_needed_again,
    joint_power,
    seed_power,
    seeds_needed,
    seeds_needed_again,
)
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
    for scores in (([0.6], [0.7]), ([0.6, 0.62], [0.7, 0.71])):
        result = compare_seeds(*scores, paired=True)
        assert result.difference.value == pytest.approx(np.mean(scores[1]) - np.mean(scores[0]))
        assert np.isnan([result.p_value, result.difference.low]).all()


@pytest.mark.parametrize("paired", [True, False])
def test_seeds_without_spread_are_no_certainty(paired):
    unknown = compare_seeds([0.80] * 3, [0.82] * 3, paired=paired)
    assert unknown.p_value == (0.25 if paired else 0.1)  # what the exact test of three seeds can show
    assert np.isnan(unknown.difference.low)
    same = compare_seeds([0.1 + 0.2] * 3, [0.3] * 3, paired=paired)
    assert (same.difference.value, same.p_value) == (0.0, 1.0)
    on_50 = compare_seeds([0.80] * 3, [0.82] * 3, paired=paired, n_examples=50)
    assert on_50.difference.low < 0 < on_50.p_value
    assert on_50.p_value > 0.3
    on_many = compare_seeds([0.80] * 3, [0.82] * 3, paired=paired, n_examples=100_000)
    assert on_many.difference.low > 0


def test_scores_of_few_examples_keep_their_level():
    """Three seeds on a lattice of 1/50, no difference: the t-test alone rejects too often where seeds agree."""
    rng, rejected = np.random.default_rng(7), 0
    for _ in range(1000):
        a, b = rng.binomial(50, 0.96, (2, 3)) / 50
        rejected += compare_seeds(a, b, paired=True, n_examples=50).p_value < 0.05
    assert rejected / 1000 < 0.05


def test_probability_of_improvement_is_the_mann_whitney_statistic():
    rng = np.random.default_rng(4)
    a, b = rng.integers(0, 6, 9), rng.integers(1, 7, 7)
    u = stats.mannwhitneyu(b, a).statistic
    assert probability_of_improvement(a, b).value == pytest.approx(u / 63)


@pytest.mark.parametrize(
    ("seeds", "shift"),
    [(3, 0.0), (10, 2.0), *(pytest.param(5, shift, marks=pytest.mark.slow) for shift in (0.0, 1.0))],
)
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


def simulated_power(rng, draw, trials=800):
    """Share of samples in which the difference is found."""
    return np.mean([mean_difference_p(draw(rng)) < 0.05 for _ in range(trials)])


def test_examples_needed_reach_the_power_they_claim_with_one_run_of_each():
    n = examples_needed(0.02, 0.12)
    cells = np.random.default_rng(6).multinomial(n, [0.05, 0.07, 0.88], size=20_000)
    assert 0.79 < np.mean([mcnemar_p(int(a), int(b)) < 0.05 for a, b, _ in cells]) < 0.81


def test_examples_needed_take_the_mean_square_with_several_runs_and_scores_that_are_no_counts():
    """Three runs a side: the mean |b - a| would ask for twice the examples. A graded score: the same formula."""

    def three_runs(rng, n):
        return (rng.random((n, 3)) < 0.62).mean(axis=1) - (rng.random((n, 3)) < 0.58).mean(axis=1)

    def graded(rng, n):
        return np.clip(rng.normal(0.03, 0.25, n), -1, 1)

    for draw, seed in ((three_runs, 1), (graded, 2)):
        rng = np.random.default_rng(seed)
        sample = draw(rng, 400_000)
        n = examples_needed(sample.mean(), (sample**2).mean())
        assert n < 0.7 * examples_needed(sample.mean(), np.abs(sample).mean())
        assert simulated_power(rng, lambda rng, n=n, draw=draw: draw(rng, n)) == pytest.approx(0.8, abs=0.04)


def is_found(rng, parts, difference, seeds, n):
    """Whether the joint test finds the difference of pairs of runs with effects of seed, example and the rest."""
    effects = rng.normal(0, parts.seed**0.5, seeds) + rng.normal(0, parts.example**0.5, (n, 1))
    gap = difference + effects + rng.normal(0, parts.residual**0.5, (n, seeds))
    examples, of_seeds = gap.mean(axis=1), gap.mean(axis=0)
    spread, _ = _spread(examples, [(gap, of_seeds)])
    sampling = score_variance(examples, np.ones(n), 0.0, bound=3.0)
    return gap.mean() ** 2 > tolerance(sampling, spread, n=n, level=0.05)


@pytest.mark.parametrize("seeds", [3, pytest.param(6, marks=pytest.mark.slow)])
def test_examples_needed_for_training_again_reach_their_power(seeds):
    parts, rng = Components(seed=0.003**2, example=0.2**2, residual=0.3**2), np.random.default_rng(seeds)
    n = examples_needed_again(0.03, parts, seeds=seeds)
    assert n is not None
    assert np.mean([is_found(rng, parts, 0.03, seeds, n) for _ in range(1500)]) == pytest.approx(0.8, abs=0.03)


def test_training_again_can_need_more_than_examples_or_seeds_give():
    noisy = Components(seed=0.02**2, example=0.1, residual=0.1)
    assert examples_needed_again(0.005, noisy, seeds=3) is None
    assert seeds_needed_again(0.005, noisy, examples=200) is None
    assert joint_power(0.5, noisy, seeds=2, examples=1000) == 0
    few = seeds_needed_again(0.05, noisy, examples=5000)
    assert few is not None
    assert (
        joint_power(0.05, noisy, seeds=few, examples=5000)
        >= 0.8
        > joint_power(0.05, noisy, seeds=few - 1, examples=5000)
    )


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
        (lambda: examples_needed(0.0, 0.1), "difference must not be 0"),
        (lambda: examples_needed(0.5, 0.1), r"at least difference.2, here that of 0.5, got 0.1"),
        (lambda: seeds_needed(0.01, float("nan")), "sd must be a finite number at least 0, got nan"),
        (lambda: examples_needed(0.01, 0.1, power=1.0), "strictly between 0 and 1, got 1 and 0.05"),
        (lambda: seeds_needed(0.0, 0.1), "difference must not be 0"),
        (lambda: seeds_needed(0.1, -1), "sd must be a finite number at least 0, got -1"),
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
    equal = verdict("A", "B", Interval(0.0, -0.004, 0.004, 900), p_value=1.0)
    assert equal == "B and A score the same accuracy (95% -0.4 to 0.4) on 900 examples."


def sides(seeds, gain, *, n=4000, seed_sd=0.0, seed=0):
    """Right and wrong answers of runs of A and B, (n, seeds) each."""
    rng = np.random.default_rng(seed)
    levels = 0.6 + rng.normal(0, seed_sd, (2, seeds)) if seed_sd else np.full((2, seeds), 0.6)
    return (rng.random((n, seeds)) < levels[0]).astype(float), (rng.random((n, seeds)) < levels[1] + gain).astype(float)


def said(a, b):
    found = compare_means(a, b, paired=a.shape == b.shape)
    return verdict("A", "B", found.decisive, p_value=found.p_value, joint=found)


def test_verdict_says_what_it_speaks_of():
    sure = said(*sides(5, 0.04))
    assert sure.startswith("B is better than A by")
    assert sure.endswith("trained again and on other examples (5 seeds each, 4,000 examples).")
    one = said(*sides(1, 0.05))
    assert one.startswith(
        "One seed each, so this is about these trained models and not about training again: B is better than A"
    )
    assert one.endswith("on 4,000 examples.")
    a, b = sides(3, 0.05)
    assert said(a, b[:, :1]).startswith("One seed of one of the two, so this is about these trained models")
    two = said(*sides(2, 0.04))
    assert two.startswith("Two seeds do not show what training again would change (their interval: ")
    assert "4 and 3 seeds" in said(sides(4, 0.05)[0], sides(3, 0.05)[1])


def test_verdict_tells_a_spread_of_seeds_from_a_difference_of_weights():
    text = said(*sides(3, 0.03, seed_sd=0.03, seed=4))
    opening = (
        "The spread between seeds leaves it open: no difference is shown between B and A trained again and on other"
    )
    assert text.startswith(opening)
    assert "better" not in text


def test_p_is_written_briefly():
    assert [format_p(p) for p in (0.0312, 1e-9, float("nan"))] == ["p = 0.031", "p < 0.001", "p unknown"]


@pytest.mark.parametrize(("difference", "sd"), [(0.01, float("nan")), (float("inf"), 0.1), (float("nan"), 0.1)])
def test_seeds_needed_refuses_what_is_not_finite(difference, sd):
    with pytest.raises(ValueError, match="must be a finite number"):
        seeds_needed(difference, sd)


def test_one_example_is_named_as_what_is_missing():
    joint = compare_means([[1.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]], paired=True)
    said = verdict("A", "B", joint.decisive, p_value=joint.p_value, joint=joint)
    assert said.startswith("One example says nothing about training again, so this is about these trained models: ")
    assert "on 1 example:" in said
