"""The score interval of a mean difference: Tango's closed form, its test, its coverage where few examples differ."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import minimize

from engine.evidence.mean_difference import (
    mean_difference_interval,
    mean_difference_intervals,
    mean_difference_p,
    score_variance,
)

RIGHT_OR_WRONG = np.array([-1.0, 0.0, 1.0])


@settings(max_examples=60)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 40), st.floats(-0.9, 0.9))
def test_the_variance_of_right_and_wrong_answers_is_tangos(only_a, only_b, alike, theta):
    """Tango (1998), equation 5: the restricted estimate of the share that only A gets right, by a quadratic."""
    n = only_a + only_b + alike
    linear = -only_b - only_a + (2 * n - only_b + only_a) * theta
    share = (np.sqrt(linear**2 + 8 * n * only_a * theta * (1 - theta)) - linear) / (4 * n)
    expected = (2 * share + theta * (1 - theta)) / (n - 1) if n > 1 else 2 * share + theta * (1 - theta)
    found = score_variance(RIGHT_OR_WRONG, np.array([only_a, alike, only_b], float), theta, bound=1.0)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-13)


def test_the_variance_of_other_scores_is_that_of_the_likeliest_distribution():
    """Against a general optimiser: the multinomial of greatest likelihood with mean theta, end points added."""
    values, counts, theta = np.array([-1.0, -0.5, 0.0, 0.5, 1.0]), np.array([0.0, 3.0, 30.0, 6.0, 0.0]), 0.12
    bounds = [(1e-12, 1.0)] * 5
    laws = [{"type": "eq", "fun": lambda p: p.sum() - 1}, {"type": "eq", "fun": lambda p: p @ values - theta}]
    start = np.full(5, 0.2)
    best = minimize(lambda p: -(counts @ np.log(p)), start, bounds=bounds, constraints=laws, options={"ftol": 1e-13})
    expected = best.x @ (values - theta) ** 2 / (counts.sum() - 1)
    assert score_variance(values, counts, theta, bound=1.0) == pytest.approx(expected, rel=1e-3)


def test_no_differing_example_leaves_room():
    interval = mean_difference_interval(np.zeros(50))
    quantile = stats.t.ppf(0.975, 49)
    assert interval.high == -interval.low == pytest.approx(quantile**2 / (quantile**2 + 49), abs=1e-9)
    assert mean_difference_p(np.zeros(50)) == 1.0


def test_many_examples_give_the_t_interval():
    sample = np.clip(np.random.default_rng(0).normal(0.02, 0.2, 20_000), -1, 1)
    interval, theirs = mean_difference_interval(sample), stats.ttest_1samp(sample, 0)
    bounds = theirs.confidence_interval()
    assert (interval.low, interval.high) == pytest.approx((bounds.low, bounds.high), abs=2e-5)
    assert mean_difference_p(sample) == pytest.approx(theirs.pvalue, rel=0.02)


@given(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 1 / 3, 1.0]), min_size=2, max_size=40), st.floats(0.5, 0.99))
@settings(max_examples=25, deadline=None)
def test_the_interval_and_its_test_agree(differences, confidence):
    interval, p = mean_difference_interval(differences, confidence=confidence), mean_difference_p(differences)
    assert -1 <= interval.low <= interval.value <= interval.high <= 1
    if abs(p - (1 - confidence)) > 1e-6:
        assert (interval.low > 0 or interval.high < 0) == (p < 1 - confidence)


@given(st.lists(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 1 / 3, 1.0]), min_size=1, max_size=40), max_size=4))
@settings(max_examples=25, deadline=None)
def test_intervals_at_once_are_those_of_each_sample(samples):
    for at_once, sample in zip(mean_difference_intervals(samples), samples, strict=True):
        alone = mean_difference_interval(sample)
        assert (at_once.value, at_once.n) == (alone.value, alone.n)
        assert (at_once.low, at_once.high) == pytest.approx((alone.low, alone.high), abs=1e-8)


@pytest.mark.parametrize(("n", "differing"), [(20, 0.1), (50, 0.02), (50, 0.1), (200, 0.02)])
def test_it_covers_where_few_examples_differ(n, differing):
    """Where the percentile bootstrap covers 45 to 87 %; every sample has one of few outcomes, so the sum is exact."""
    plus, minus = 0.75 * differing, 0.25 * differing
    inside = outcomes = 0.0
    for only_b in range(int(stats.binom.ppf(1 - 1e-7, n, plus)) + 1):
        for only_a in range(int(stats.binom.ppf(1 - 1e-7, n, minus)) + 1):
            chance = stats.multinomial.pmf([only_a, only_b, n - only_a - only_b], n, [minus, plus, 1 - minus - plus])
            counts = np.array([only_a, n - only_a - only_b, only_b], float)
            distance = ((only_b - only_a) / n - (plus - minus)) ** 2
            kept = distance <= stats.t.ppf(0.975, n - 1) ** 2 * score_variance(
                RIGHT_OR_WRONG, counts, plus - minus, bound=1.0
            )
            outcomes, inside = outcomes + chance, inside + chance * kept
    assert outcomes == pytest.approx(1, abs=1e-5)
    assert inside >= 0.94


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_difference_interval([]), "at least one value"),
        (lambda: mean_difference_interval([[0.1]]), r"shape \(n,\), got \(1, 1\)"),
        (lambda: mean_difference_interval([0.1, 1.5]), r"lie in \[-1, 1\], got 1.5"),
        (lambda: mean_difference_interval([np.nan]), "finite, got nan"),
        (lambda: mean_difference_p([0.1], bound=0), r"lie in \[-0, 0\], got 0.1"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
