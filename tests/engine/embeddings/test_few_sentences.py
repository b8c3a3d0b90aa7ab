"""Whitened cosines of the fitted sentences: a regular simplex up to width + 1, and the law of their spread above."""

import numpy as np
import pytest

from engine.embeddings.few_sentences import cosine_spread, whitened_cosines
from engine.embeddings.similarity import unit_rows


@pytest.mark.parametrize("n", [3, 20, 32, 33])
def test_up_to_width_plus_one_every_pair_has_the_same_cosine(n):
    vectors = np.random.default_rng(n).standard_normal((n, 32)) @ np.diag(np.geomspace(1, 30, 32)) + 5
    assert np.std((unit_rows(vectors) @ unit_rows(vectors).T)[np.triu_indices(n, 1)]) > 0.01
    assert whitened_cosines(vectors) == pytest.approx(-1 / (n - 1), abs=1e-9)
    assert cosine_spread(n, 32) == 0


@pytest.mark.parametrize("n", [40, 64, 200, 600])
def test_above_the_width_the_spread_follows_the_law(n):
    vectors = np.random.default_rng(n).standard_normal((n, 32))
    assert whitened_cosines(vectors).std() == pytest.approx(cosine_spread(n, 32), rel=0.05)
