"""Intervals against scipy and statsmodels, and their coverage by simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from engine.evidence.intervals import (
    mean_half_width,
    mean_interval,
    proportion_bounds,
    proportion_interval,
)


def test_mean_interval_is_scipys_t_interval():
    values = np.random.default_rng(0).normal(0.7, 0.02, 7)
    low, high = stats.t.interval(0.9, 6, loc=values.mean(), scale=stats.sem(values))
    result = mean_interval(values, confidence=0.9)
    assert (result.low, result.high) == pytest.approx((low, high), abs=1e-12)
    assert (result.value, result.n) == (pytest.approx(values.mean()), 7)


def test_mean_of_one_seed_has_no_bounds():
    result = mean_interval([0.7])
    assert result.value == 0.7
    assert np.isnan([result.low, result.high]).all()


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.999))
def test_wilson_is_statsmodels_wilson(case, confidence):
    successes, n = case
    result = proportion_interval(successes, n, confidence=confidence)
    expected = proportion_confint(successes, n, alpha=1 - confidence, method="wilson")
    assert (result.low, result.high) == pytest.approx(expected, abs=1e-12)
    assert 0 <= result.low <= result.value <= result.high <= 1


def test_wilson_bounds_of_many_bins_keep_empty_bins_unknown():
    low, high = proportion_bounds([0, 3, 0], [0, 4, 5])
    assert np.isnan([low[0], high[0]]).all()
    assert low[1:] == pytest.approx([proportion_interval(3, 4).low, 0.0])
    assert high[2] == pytest.approx(proportion_interval(0, 5).high)


def test_wilson_covers_small_proportions_where_the_plain_interval_does_not():
    n, p, rng = 40, 0.03, np.random.default_rng(1)
    hits = rng.binomial(n, p, 20_000)
    low, high = proportion_bounds(hits, np.full_like(hits, n))
    share = hits / n
    half = 1.96 * np.sqrt(share * (1 - share) / n)
    assert np.mean((share - half <= p) & (p <= share + half)) < 0.75
    assert np.mean((low <= p) & (p <= high)) > 0.93


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_interval([]), r"at least one value, got shape \(0,\)"),
        (lambda: mean_interval([0.1, float("nan")]), r"finite, got nan at index 1"),
        (lambda: mean_interval([[0.1]]), r"shape \(n,\), got \(1, 1\)"),
        (lambda: mean_interval([0.1], confidence=95), "strictly between 0 and 1, got 95"),
        (lambda: proportion_interval(5, 4), "0..n, got 5 of n=4"),
        (lambda: proportion_interval(0, 0), "n must be a whole number, 1 or more, got 0"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_half_widths_of_many_means_are_those_of_each():
    samples = np.random.default_rng(0).normal(size=(5, 3, 2))
    found = mean_half_width(samples)
    assert found.shape == (3, 2)
    for row, column in np.ndindex(3, 2):
        interval = mean_interval(samples[:, row, column])
        assert found[row, column] == pytest.approx((interval.high - interval.low) / 2)
    assert np.isnan(mean_half_width(samples[:1])).all()
    samples[0, 0, 0] = np.inf
    assert np.isnan(mean_half_width(samples)).sum() == 1
    with pytest.raises(ValueError, match="at least one draw, got shape \\(0,\\)"):
        mean_half_width([])
