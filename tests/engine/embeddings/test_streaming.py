"""Statistics one sentence at a time, and the intrinsic dimension from two neighbours."""

import numpy as np
import pytest

from engine.embeddings.intrinsic_dimension import two_nearest_dimension
from engine.embeddings.streaming import streamed


def test_the_recursion_is_exact_after_every_sentence():
    vectors = np.random.default_rng(0).normal(3, 1, (40, 5))
    covariances, means = streamed(vectors)
    for n in (1, 2, 17, 40):
        np.testing.assert_allclose(means[n - 1], vectors[:n].mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(covariances[n - 1], np.cov(vectors[:n], rowvar=False, ddof=0), atol=1e-12)


def test_the_printed_recursion_leaves_out_the_shift_of_the_mean():
    vectors = np.random.default_rng(0).normal(3, 1, (40, 5))
    true = np.cov(vectors, rowvar=False, ddof=0)
    assert np.abs(streamed(vectors, printed=True)[0][-1] - true).max() > 1e-2


@pytest.mark.parametrize("inner", [1, 2, 5])
def test_a_flat_set_has_its_own_dimension_whatever_the_width(inner):
    rng = np.random.default_rng(1)
    found = two_nearest_dimension(rng.random((1500, inner)) @ rng.standard_normal((inner, 64)))
    assert found.low < inner * 1.05
    assert found.high > inner * 0.95
    assert found.points == 1500


def test_what_tells_no_dimension_is_refused():
    with pytest.raises(ValueError, match="at one distance"):
        two_nearest_dimension(np.eye(4))
    with pytest.raises(ValueError, match="at least 3 distinct"):
        two_nearest_dimension(np.ones((5, 2)))
