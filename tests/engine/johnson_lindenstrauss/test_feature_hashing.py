"""Feature hashing: exact variance, and the heavy tail on a difference of one-hot vectors."""

import numpy as np
import pytest

from engine.johnson_lindenstrauss.feature_hashing import hash_features, hashing_variance_factor


def squared_lengths(x, *, n, draws):
    rng = np.random.default_rng(0)
    return np.array([(hash_features(x[None], n_components=n, rng=rng) ** 2).sum() for _ in range(draws)])


def test_lengths_are_right_on_average_and_spread_as_the_formula_says():
    x = np.random.default_rng(1).standard_normal(64)
    x /= np.linalg.norm(x)
    found = squared_lengths(x, n=8, draws=4000)
    assert found.mean() == pytest.approx(1, abs=4 * found.std() / np.sqrt(4000))
    assert 8 * found.var() == pytest.approx(hashing_variance_factor(float((x**4).sum())), rel=0.1)


def test_a_one_hot_difference_is_exact_or_off_by_one():
    found = squared_lengths(np.array([1.0, -1.0, 0.0]) / np.sqrt(2), n=10, draws=2000)
    assert set(np.round(found, 9)) == {0.0, 1.0, 2.0}
    assert np.mean(np.abs(found - 1) > 0.5) == pytest.approx(0.1, abs=0.03)


def test_no_row_is_refused():
    with pytest.raises(ValueError, match="n_components must be a whole number, 1 or more"):
        hash_features(np.ones((1, 3)), n_components=0, rng=np.random.default_rng(0))
